// Adds up the sums of all chunks of rows. This is the second half of the update of the centres of k-means.
//     sums[r, e] = Σ_chunk partials[r, chunk, e]
//
// partials  [restarts, chunks, entries]   vec4; an entry is one vec4 column of one cluster
// states    [restarts]                    a finished restart is skipped, unless finished_too is 1
// sums      [restarts, entries]           vec4
//
// One thread sums one entry over all chunks. It sums 32 chunks at a time and then adds up these sums, which limits rounding
// errors.
// Cost: one addition and one load for each partial.
#import restart_state

#params

@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> states: array<RestartState>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    let restart = index / params.entries;
    if (restart >= params.restarts) {
        return;
    }
    if (is_left_alone(states[restart], params.finished_too)) {
        return;
    }
    let base = restart * params.chunks * params.entries + index % params.entries;
    var total = vec4<f32>();
    for (var first = 0u; first < params.chunks; first += 32u) {
        var run = vec4<f32>();
        let end = min(first + 32u, params.chunks);
        for (var chunk = first; chunk < end; chunk++) {
            run += partials[base + chunk * params.entries];
        }
        total += run;
    }
    sums[index] = total;
}

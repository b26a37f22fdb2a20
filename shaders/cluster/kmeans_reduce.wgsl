// Adds up the sums of all chunks of rows. This is the second half of the update of the centres of k-means.
//     sums[r, e] = Σ_chunk partials[r, chunk, e]
//
// partials  [restarts, chunks, entries]   vec4; an entry is one vec4 column of one cluster
// states    [restarts]                    a finished restart is skipped, unless finished_too is 1
// sums      [restarts, entries]           vec4
//
// One workgroup sums eight entries, each with eight threads, which take every eighth chunk. A thread sums 32 chunks at a time and
// then adds up these sums, which limits rounding errors.
// Cost: one addition and one load for each partial.
#import restart_state
#import tree_sum

#params

@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> states: array<RestartState>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;

#entry 64 {
    let groups = (params.entries + 7u) / 8u;
    let restart = workgroup / groups;
    if (restart >= params.restarts) {
        return;
    }
    if (is_left_alone(states[restart], params.finished_too)) {
        return;
    }
    let entry = (workgroup % groups) * 8u + thread % 8u;
    let base = restart * params.chunks * params.entries + min(entry, params.entries - 1u);
    var total = vec4<f32>();
    for (var first = thread / 8u; first < params.chunks; first += 256u) {
        var run = vec4<f32>();
        let end = min(first + 256u, params.chunks);
        for (var chunk = first; chunk < end; chunk += 8u) {
            run += partials[base + chunk * params.entries];
        }
        total += run;
    }
    let sum = tree_sum(thread, 8u, total);
    if ((thread < 8u) & (entry < params.entries)) {
        sums[restart * params.entries + entry] = sum;
    }
}

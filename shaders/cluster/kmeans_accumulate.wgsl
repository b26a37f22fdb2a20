// Sums the rows of each k-means cluster, for each chunk of consecutive rows. This is the first half of the update of the centres.
//     partials[r, chunk, j] = ( Σ w_i x_i,  [Σ w_i, Σ w_i distance_i, Σ changed_i, Σ w_i] )
// The sums run over the rows i of the chunk with label j in restart r; changed_i is 1 if the label changed and 0 otherwise.
//
// rows       [rows, 4 · quads]     x
// weights    [rows]                w
// labels     [restarts, rows]      bit 31 is set if the label changed
// distances  [restarts, rows]      squared distance of each row to the centre of its label
// states     [restarts]            a finished restart is skipped, unless finished_too is 1
// partials   [restarts, chunks, clusters, 4 · (quads + 1)]
// rows and partials are accessed as vec4.
//
// One thread sums one vec4 column of one chunk over the rows in order, so the sums need no atomics and are reproducible.
// Neighbouring threads read neighbouring columns. A chunk is short enough that plain f32 sums are accurate.
// Cost: 4 (quads + 1) · rows · restarts additions, each with a load and a store of its sum.
#import restart_state

#params

@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<u32>;
@group(0) @binding(4) var<storage, read> distances: array<f32>;
@group(0) @binding(5) var<storage, read> states: array<RestartState>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<f32>>;

#entry 64 {
    let columns = params.quads + 1u;
    let index = workgroup * 64u + thread;
    let column = index % columns;
    let chunk = index / columns % params.chunks;
    let restart = index / columns / params.chunks;
    if (restart >= params.restarts) {
        return;
    }
    if (is_left_alone(states[restart], params.finished_too)) {
        return;
    }
    let base = (restart * params.chunks + chunk) * params.clusters * columns + column;
    for (var j = 0u; j < params.clusters; j++) {
        partials[base + j * columns] = vec4<f32>();
    }
    let first = chunk * params.chunk_rows;
    let end = min(first + params.chunk_rows, params.rows);
    for (var i = first; i < end; i++) {
        let label = labels[restart * params.rows + i];
        let at = base + (label & ~CHANGED) * columns;
        let weight = weights[i];
        var value: vec4<f32>;
        if (column < params.quads) {
            value = weight * rows[i * params.quads + column];
        } else {
            value = vec4<f32>(weight, weight * distances[restart * params.rows + i], f32(label >> 31u), weight);
        }
        partials[at] += value;
    }
}

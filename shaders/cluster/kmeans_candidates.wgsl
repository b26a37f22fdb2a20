// Greedy k-means++ seeding, step s: chooses centre s − 1 among its candidates, and draws the candidates for centre s.
// The chosen candidate leaves the lowest potential Σ w_i D²_i, where D²_i is the squared distance of row i to the nearest centre;
// of equal ones the first is chosen. Centre 0 is its first candidate, without a comparison, as in scikit-learn. Row i is drawn as
// a candidate with probability w_i D²_i / Σ w D², where D²_i is 1 as long as no centre has been chosen.
//
// rows        [rows, 4 · quads]
// weights     [rows]                                 w
// closest     [restarts, rows]                       D² without the centre chosen in this step
// potentials  [restarts, trials, chunks]             the output of kmeans_potential in the same step
// picks       [restarts, clusters + 1, 1 + trials]   row indices: entry c has the row chosen for centre c − 1, then the
//                                                    candidates for centre c
// centers     [restarts, clusters, 4 · quads]        centre s − 1 is written
// rows and centers are accessed as vec4.
//
// One workgroup draws one candidate of one restart: first a chunk of rows by its potential, then a row of the chunk. Each draw
// has its own random number, which depends only on the seed, the restart, the centre and the trial. A chunk has at most 256 rows.
// Cost: adding up all potentials, and the distances of the rows of one chunk.
#import random
#import tree_sum

#params

@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> closest: array<f32>;
@group(0) @binding(4) var<storage, read> potentials: array<f32>;
@group(0) @binding(5) var<storage, read_write> picks: array<u32>;
@group(0) @binding(6) var<storage, read_write> centers: array<vec4<f32>>;

var<workgroup> run_sums: array<f32, 64>;
var<workgroup> row_potentials: array<f32, 256>;
var<workgroup> drawn_chunk: u32;

// Returns the index of the candidate for centre step − 1 that leaves the lowest potential.
fn best_trial(thread: u32, restart: u32) -> u32 {
    var best = 0u;
    var lowest = 3.4028234e38;
    if (params.step > 1u) {
        for (var t = 0u; t < params.trials; t++) {
            var sum = 0.0;
            for (var chunk = thread; chunk < params.chunks; chunk += 64u) {
                sum += potentials[(restart * params.trials + t) * params.chunks + chunk];
            }
            let total = tree_sum(thread, 1u, vec4<f32>(sum)).x;
            if (total < lowest) {
                lowest = total;
                best = t;
            }
        }
    }
    return best;
}

// Returns the chunk at which the running sum of potentials[base..] exceeds `part` times the total. Even with rounding, a chunk
// with potential 0 is not returned unless all are 0. Each element of run_sums is the sum of `run` consecutive chunks.
fn draw_chunk(base: u32, run: u32, part: f32) -> u32 {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) {
        total += run_sums[i];
    }
    let wanted = part * total;
    var sum = 0.0;
    var run_before = 0.0;
    var drawn_run = 0u;
    for (var i = 0u; (i < 64u) & (sum <= wanted); i++) {
        if (run_sums[i] > 0.0) {
            drawn_run = i;
            run_before = sum;
        }
        sum += run_sums[i];
    }
    sum = run_before;
    let end = min((drawn_run + 1u) * run, params.chunks);
    var drawn = drawn_run * run;
    for (var chunk = drawn; (chunk < end) & (sum <= wanted); chunk++) {
        let potential = potentials[base + chunk];
        drawn = select(drawn, chunk, potential > 0.0);
        sum += potential;
    }
    return drawn;
}

// Returns the row of the chunk at which the running sum of row_potentials exceeds `part` times the total.
fn draw_row(part: f32) -> u32 {
    var total = 0.0;
    for (var i = 0u; i < params.chunk_rows; i++) {
        total += row_potentials[i];
    }
    let wanted = part * total;
    var sum = 0.0;
    var drawn = 0u;
    for (var i = 0u; (i < params.chunk_rows) & (sum <= wanted); i++) {
        drawn = select(drawn, i, row_potentials[i] > 0.0);
        sum += row_potentials[i];
    }
    return drawn;
}

#entry 64 {
    let line = workgroup;
    let restart = line / params.trials;
    let trial = line % params.trials;
    if (restart >= params.restarts) {
        return;
    }
    let best = best_trial(thread, restart);
    let picks_at = (restart * (params.clusters + 1u) + params.step) * (params.trials + 1u);
    var chosen = 0u;
    if (params.step > 0u) {
        chosen = picks[picks_at - params.trials + best];
        if (trial == 0u) {
            if (thread == 0u) {
                picks[picks_at] = chosen;
            }
            for (var q = thread; q < params.quads; q += 64u) {
                centers[(restart * params.clusters + params.step - 1u) * params.quads + q] = rows[chosen * params.quads + q];
            }
        }
    }
    if (params.step == params.clusters) {
        return;
    }

    let base = (restart * params.trials + best) * params.chunks;
    let run = (params.chunks + 63u) / 64u;
    var run_sum = 0.0;
    for (var chunk = thread * run; chunk < min((thread + 1u) * run, params.chunks); chunk++) {
        run_sum += potentials[base + chunk];
    }
    run_sums[thread] = run_sum;
    workgroupBarrier();
    let counter = vec4<u32>(params.seed_low, params.seed_high, params.first_restart + restart, params.step * params.trials + trial);
    // 24 random bits give a number in [0, 1) that f32 represents exactly.
    let parts = vec4<f32>(random_bits(counter) >> vec4<u32>(8u)) / 16777216.0;
    if (thread == 0u) {
        drawn_chunk = draw_chunk(base, run, parts.x);
    }
    workgroupBarrier();
    let first_row = drawn_chunk * params.chunk_rows;
    for (var i = thread; i < params.chunk_rows; i += 64u) {
        var potential = 0.0;
        let row = first_row + i;
        if (row < params.rows) {
            potential = weights[row];
            if (params.step > 0u) {
                var distance = 0.0;
                for (var q = 0u; q < params.quads; q++) {
                    let difference = rows[row * params.quads + q] - rows[chosen * params.quads + q];
                    distance += dot(difference, difference);
                }
                potential *= min(closest[restart * params.rows + row], distance);
            }
        }
        row_potentials[i] = potential;
    }
    workgroupBarrier();
    if (thread == 0u) {
        picks[picks_at + 1u + trial] = first_row + draw_row(parts.y);
    }
}

// Ends an iteration of k-means, as in scikit-learn:
// 1. Each empty cluster takes the row that is farthest from its centre, which leaves its own cluster; the next empty cluster
//    takes the next farthest row. Equally far rows are ordered by their values. Of a row with a weight above 1, one copy of
//    weight 1 moves at a time, so that rows with counts give the same result as repeated rows.
// 2. Each centre moves to the mean of its rows, Σ w_i x_i / Σ w_i. A cluster that lost its only row in step 1 gets the mean of
//    all rows.
// 3. The restart has finished if no label changed, if Σ_j |shift of centre j|² ≤ tolerance, or at the iteration limit.
//
// rows       [rows, 4 · quads]                        x
// weights    [rows]                                   w
// mean       [4 · quads]                              the weighted mean of all rows
// labels     [restarts, rows]                         bit 31 is not part of a label
// distances  [restarts, rows]                         squared distance of each row to the centre of its label
// sums       [restarts, clusters, 4 · (quads + 1)]    the output of kmeans_reduce, changed by step 1. The last vec4 of a cluster
//                                                     is (Σ w, Σ w distance, Σ changed, Σ w). Step 1 changes its x, the weight
//                                                     that is left, but not its w, the weight after the assignment
// centers    [restarts, clusters, 4 · quads]          replaced
// states     [restarts]                               replaced; a finished restart is skipped
// Everything except weights, labels, distances and states is accessed as vec4.
//
// One workgroup processes one restart. Cost: 4 flops for each element of centers, and a pass over distances for each empty
// cluster.
#import restart_state
#import tree_sum

#params

@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read> distances: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> centers: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> states: array<RestartState>;

struct Farthest {
    distance: f32,
    row: u32,
}

var<workgroup> candidates: array<Farthest, 64>;

// What thread 0 decides for the whole workgroup, so that every thread reaches the same barriers.
var<workgroup> decision: u32;

// Returns the decision of thread 0. Every thread of the workgroup must call it.
fn decided(thread: u32, decided: u32) -> u32 {
    if (thread == 0u) {
        decision = decided;
    }
    return workgroupUniformLoad(&decision);
}

// Returns whether row `a` comes before row `b` in lexicographic order of their values; equal rows are ordered by their indices.
fn row_precedes(a: u32, b: u32) -> bool {
    for (var q = 0u; a != b && q < params.quads; q++) {
        let difference = rows[a * params.quads + q] - rows[b * params.quads + q];
        for (var c = 0u; c < 4u; c++) {
            if (difference[c] != 0.0) {
                return difference[c] < 0.0;
            }
        }
    }
    return a < b;
}

// Returns whether `a` comes before `b`: it is farther from its centre, or equally far and its row comes before the other's.
fn precedes(a: Farthest, b: Farthest) -> bool {
    return a.distance > b.distance || (a.distance == b.distance && row_precedes(a.row, b.row));
}

// Returns the row that comes next after `last` in this order. Every thread of the workgroup must call it and gets the same
// result.
fn farthest_after(thread: u32, restart: u32, last: Farthest) -> Farthest {
    var best = Farthest(-1.0, 0xffffffffu);
    for (var i = thread; i < params.rows; i += 64u) {
        let candidate = Farthest(distances[restart * params.rows + i], i);
        if (weights[i] > 0.0 && precedes(last, candidate) && precedes(candidate, best)) {
            best = candidate;
        }
    }
    workgroupBarrier();
    candidates[thread] = best;
    for (var reach = 32u; reach > 0u; reach /= 2u) {
        workgroupBarrier();
        if (thread < reach && precedes(candidates[thread + reach], candidates[thread])) {
            candidates[thread] = candidates[thread + reach];
        }
    }
    workgroupBarrier();
    return candidates[0];
}

// Moves a row to each empty cluster. Every thread of the workgroup must call it.
fn relocate(thread: u32, restart: u32) {
    let columns = params.quads + 1u;
    let base = restart * params.clusters * columns;
    var last = Farthest(3.4028234e38, 0u);
    var copies = 0.0;
    for (var j = 0u; j < params.clusters; j++) {
        // This skips clusters with rows after the assignment, even those that have lost all of them here.
        if (decided(thread, u32(sums[base + j * columns + params.quads].w > 0.0)) == 1u) {
            continue;
        }
        if (decided(thread, u32(copies > 0.0)) == 0u) {
            last = farthest_after(thread, restart, last);
            // If the farthest row coincides with its centre, so do all others, and moving a row cannot lower the inertia.
            if (decided(thread, u32(last.distance > 0.0)) == 0u) {
                return;
            }
            copies = weights[last.row];
        }
        let weight = min(copies, 1.0);
        copies -= weight;
        let from_at = base + (labels[restart * params.rows + last.row] & ~CHANGED) * columns;
        for (var q = thread; q < params.quads; q += 64u) {
            let value = weight * rows[last.row * params.quads + q];
            sums[from_at + q] -= value;
            sums[base + j * columns + q] = value;
        }
        if (thread == 0u) {
            sums[from_at + params.quads].x -= weight;
            sums[base + j * columns + params.quads].x = weight;
        }
        storageBarrier();
    }
}

#entry 64 {
    let restart = workgroup;
    if (restart >= params.restarts) {
        return;
    }
    let state = states[restart];
    if (decided(thread, state.finished) != 0u) {
        return;
    }
    let columns = params.quads + 1u;
    var empty = 0.0;
    var changed = 0.0;
    for (var j = thread; j < params.clusters; j += 64u) {
        let tail = sums[(restart * params.clusters + j) * columns + params.quads];
        empty += select(1.0, 0.0, tail.w > 0.0);
        changed += tail.z;
    }
    let counts = tree_sum(thread, 1u, vec4<f32>(empty, changed, 0.0, 0.0));
    if (decided(thread, u32(counts.x > 0.0)) == 1u) {
        relocate(thread, restart);
    }
    var shift = 0.0;
    for (var e = thread; e < params.clusters * params.quads; e += 64u) {
        let at = (restart * params.clusters + e / params.quads) * columns;
        let weight = sums[at + params.quads].x;
        var center = mean[e % params.quads];
        if (weight > 0.0) {
            center = sums[at + e % params.quads] / weight;
        }
        let difference = center - centers[restart * params.clusters * params.quads + e];
        shift += dot(difference, difference);
        centers[restart * params.clusters * params.quads + e] = center;
    }
    let total_shift = tree_sum(thread, 1u, vec4<f32>(shift, 0.0, 0.0, 0.0)).x;
    if (thread == 0u) {
        let iterations = state.iterations + 1u;
        var finished = select(0u, 3u, iterations >= params.iterations);
        if (counts.y == 0.0) {
            finished = 1u;
        } else if (total_shift <= params.tolerance) {
            finished = 2u;
        }
        states[restart] = RestartState(finished, iterations);
    }
}

// Greedy k-means++ seeding, step s: the potential that each candidate for centre s − 1 would leave, for each chunk of rows.
//     potentials[r, t, chunk] = Σ w_i min(D²_i, |x_i − candidate_t|²)
// The sum runs over the rows i of the chunk; D²_i is the squared distance of row i to the nearest centre chosen so far. Step 0
// has no candidates yet, and its potential is Σ w_i.
//
// rows        [rows, 4 · quads]                      x
// weights     [rows]                                 w
// picks       [restarts, clusters + 1, 1 + trials]   row indices: entry c has the row chosen for centre c − 1, then the
//                                                    candidates for centre c
// closest     [restarts, rows]                       D²; this kernel updates it with the centre chosen last
// potentials  [restarts, trials, chunks]             a chunk is the rows of one workgroup
// rows is read as vec4; its padding is zeros.
//
// One workgroup evaluates all candidates of one restart on ROWS rows per thread. The centre chosen last is one more column of the
// tile.
// Cost: 3 · 4 quads · rows · (trials + 1) · restarts flops.
#import tile_distances

#params

@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> picks: array<u32>;
@group(0) @binding(4) var<storage, read_write> closest: array<f32>;
@group(0) @binding(5) var<storage, read_write> potentials: array<f32>;

var<workgroup> thread_sums: array<f32, THREADS * $(COLUMNS)u>;

fn row_quad(at: u32) -> vec4<f32> {
    return rows[at];
}

fn other_quad(at: u32) -> vec4<f32> {
    return rows[at];
}

// The first place of an entry of picks is the centre chosen last. In step 1 there is none, and the first candidate takes it.
fn other_row(place: u32) -> u32 {
    let is_chosen = place % (params.trials + 1u) == 0u;
    return picks[place + select(0u, 1u, is_chosen & (params.step < 2u))];
}

fn term(difference: vec4<f32>) -> f32 {
    return dot(difference, difference);
}

#entry THREADS {
    let chunks = (params.rows + THREADS * $(ROWS)u - 1u) / (THREADS * $(ROWS)u);
    let line = workgroup;
    let restart = line / chunks;
    let chunk = line % chunks;
    if (restart >= params.restarts) {
        return;
    }
    let first_row = chunk * THREADS * $(ROWS)u + thread;
    let tile_row = chunk * THREADS * $(ROWS)u;
    #for r in 0..ROWS
    var weight_$r = 0.0;
    var closest_$r = 3.4028234e38;
    if (first_row + $(r)u * THREADS < params.rows) {
        weight_$r = weights[first_row + $(r)u * THREADS];
        if (params.step > 1u) {
            closest_$r = closest[restart * params.rows + first_row + $(r)u * THREADS];
        }
    }
    #end
    // In step 0 there are no candidates, and picks is not read.
    let picks_at = (restart * (params.clusters + 1u) + max(params.step, 1u) - 1u) * (params.trials + 1u);
    for (var first_column = 0u; first_column <= params.trials; first_column += $(COLUMNS)u) {
        if (params.step > 0u) {
            let tile = tile_distances(thread, tile_row, params.rows - 1u, picks_at + first_column, picks_at + params.trials, params.quads);
            if ((params.step > 1u) & (first_column == 0u)) {
                #for r in 0..ROWS
                closest_$r = min(closest_$r, tile.of_$(r)_0);
                #end
            }
            #for c in 0..COLUMNS
            var sum_$c = 0.0;
            #for r in 0..ROWS
            sum_$c += weight_$r * min(closest_$r, tile.of_$(r)_$c);
            #end
            thread_sums[$(c)u * THREADS + thread] = sum_$c;
            #end
        } else {
            #for c in 0..COLUMNS
            var sum_$c = 0.0;
            #for r in 0..ROWS
            sum_$c += weight_$r;
            #end
            thread_sums[$(c)u * THREADS + thread] = sum_$c;
            #end
        }
        workgroupBarrier();
        for (var i = thread; i < $(COLUMNS)u; i += THREADS) {
            let column = first_column + i;
            if ((column > 0u) & (column <= params.trials)) {
                var total = 0.0;
                for (var other = 0u; other < THREADS; other++) {
                    total += thread_sums[i * THREADS + other];
                }
                potentials[(restart * params.trials + column - 1u) * chunks + chunk] = total;
            }
        }
        workgroupBarrier();
    }
    #for r in 0..ROWS
    if (first_row + $(r)u * THREADS < params.rows) {
        closest[restart * params.rows + first_row + $(r)u * THREADS] = closest_$r;
    }
    #end
}

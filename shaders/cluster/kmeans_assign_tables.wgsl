// Assigns each row to the nearest centre of k-means by lookup tables, for rows packed as bits:
//     labels[r, i] = argmin_j |x_i − centers[r, j]|²,  x_ic = s_c b_ic
// Of several equally near centres, the lowest j is taken, or, if TIES_BY_KEY is 1, the one that a hash of row and centre ranks
// first.
//
// The squared distance of bits b to a centre o is  Σ_c o_c²  +  Σ_c b_c s_c (s_c − 2 o_c),  as in lib/tile_bits. $LANE_BITS
// columns add one of $LANES possible values to it, as many as the subgroup has lanes. Each lane keeps one of them in a register,
// which makes a lookup table, and a subgroup shuffle is a lookup. A lookup and an addition replace $LANE_BITS multiply-adds.
//
// rows       [rows, words]         a word has the bits b of 32 columns
// scales     [4 · quads]           s; read only if SCALED is 1, otherwise every s_c is 1
// centers    [restarts, clusters, 4 · quads]
// keys       [rows]                a hash of each row, equal for equal rows; read only if TIES_BY_KEY is 1
// states     [restarts]            a finished restart is skipped, unless finished_too is 1
// labels     [restarts, rows]      the previous labels, which are replaced; bit 31 of a new label is set if it changed
// distances  [restarts, rows]      |x_i − centre of the new label|²
// scales and centers are read as vec4. There must be at most $COLUMNS clusters and $QUADS quads.
//
// One workgroup is one subgroup. It computes the tables of all centres of one restart and assigns $BLOCKS · $LANES rows by them.
// Cost: 2 · 4 quads · rows · clusters · restarts flops by the formula; the kernel executes one in $LANE_BITS of them.
#import stored
#import kmeans_assign

override SCALED: u32 = 0u;

@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<vec4<f32>>;

const THREADS = $(LANES)u;

#entry THREADS {
    let tiles = (params.rows + $(LANES * BLOCKS - 1)u) / $(LANES * BLOCKS)u;
    let line = workgroup;
    let restart = line / tiles;
    if (restart >= params.restarts) {
        return;
    }
    let state = states[restart];
    if (is_left_alone(state, params.finished_too)) {
        return;
    }
    #for v in 0..(COLUMNS + LANES - 1) / LANES
    let mine_at_$v = (restart * params.clusters + min($(v * LANES)u + thread, params.clusters - 1u)) * params.quads;
    var squares_$v = 0.0;
    #end
    #for q in 0..QUADS
    var scale_$q = vec4<f32>(1.0);
    if (SCALED == 1u) {
        scale_$q = scales[min($(q)u, params.quads - 1u)];
    }
    #for v in 0..(COLUMNS + LANES - 1) / LANES
    let mine_$(q)_$v = centers[mine_at_$v + min($(q)u, params.quads - 1u)];
    let change_$(q)_$v = select(vec4<f32>(), scale_$q * (scale_$q - 2.0 * mine_$(q)_$v), $(q)u < params.quads);
    squares_$v += select(0.0, dot(mine_$(q)_$v, mine_$(q)_$v), $(q)u < params.quads);
    #end
    #end
    // A lane holds the table entry whose index is the lane's number: bit b of it says whether the sum includes column b of the
    // table.
    #for b in 0..LANE_BITS
    let place_$b = f32((thread >> $(b)u) & 1u);
    #end
    #for c in 0..COLUMNS
    #for t in 0..(4 * QUADS + LANE_BITS - 1) / LANE_BITS
    var table_$(c)_$t = 0.0;
    #if t == 0
    table_$(c)_$t = subgroupBroadcast(squares_$(c / LANES), $(c % LANES)u);
    #end
    #for b in 0..LANE_BITS
    #if t * LANE_BITS + b < 4 * QUADS
    table_$(c)_$t += place_$b * subgroupBroadcast(change_$((t * LANE_BITS + b) / 4)_$(c / LANES)[$((t * LANE_BITS + b) % 4)], $(c % LANES)u);
    #end
    #end
    #end
    #end
    let words = (params.quads + 7u) / 8u;
    let first_row = (line % tiles) * $(LANES * BLOCKS)u;
    let blocks = min($(BLOCKS)u, (params.rows - first_row + THREADS - 1u) / THREADS);
    for (var block = 0u; block < blocks; block++) {
        let row = first_row + block * THREADS + thread;
        let row_at = min(row, params.rows - 1u) * words;
        #for w in 0..(QUADS + 7) / 8
        let word_$w = select(0u, rows[row_at + min($(w)u, words - 1u)], $(w)u < words);
        #end
        #for t in 0..(4 * QUADS + LANE_BITS - 1) / LANE_BITS
        var at_$t = word_$(t * LANE_BITS / 32) >> $(t * LANE_BITS % 32)u;
        #if t * LANE_BITS / 32 < ((t + 1) * LANE_BITS - 1) / 32 && ((t + 1) * LANE_BITS - 1) / 32 < (QUADS + 7) / 8
        at_$t |= word_$(t * LANE_BITS / 32 + 1) << $(32 - t * LANE_BITS % 32)u;
        #end
        at_$t &= $(LANES - 1)u;
        #end
        var nearest = none_yet();
        let key = key_of(row);
        #for c in 0..COLUMNS
        var distance_$c = 0.0;
        #for t in 0..(4 * QUADS + LANE_BITS - 1) / LANE_BITS
        distance_$c += subgroupShuffle(table_$(c)_$t, at_$t);
        #end
        if ($(c)u < params.clusters) {
            nearest = nearer(nearest, max(distance_$c, 0.0), $(c)u, key);
        }
        #end
        assign(restart, row, nearest, state);
    }
}

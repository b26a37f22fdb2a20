// Assigns each row to the nearest centre of k-means:
//     labels[r, i] = argmin_j |x_i − centers[r, j]|²
// Of several equally near centres, the lowest j is taken, or, if TIES_BY_KEY is 1, the one that a hash of row and centre ranks
// first.
//
// rows       [rows, 4 · quads]     x as f32 values; with BITS [rows, words], where a word has the bits of 32 columns and a set
//                                  bit of column c represents s_c
// scales     [4 · quads]           s; read only if SCALED is 1, otherwise every s_c is 1
// centers    [restarts, clusters, 4 · quads]
// keys       [rows]                a hash of each row, equal for equal rows; read only if TIES_BY_KEY is 1
// states     [restarts]            a finished restart is skipped, unless finished_too is 1
// labels     [restarts, rows]      the previous labels, which are replaced; bit 31 of a new label is set if it changed
// distances  [restarts, rows]      |x_i − centre of the new label|²
// rows (without BITS), scales and centers are read as vec4; the padding of rows and centers is zeros.
//
// One workgroup assigns a tile of rows for one restart.
// Cost: 3 · 4 quads · rows · clusters · restarts flops, with BITS 2 instead of 3. Rows are read clusters / TILE_COLUMNS times a
// restart.
#import stored
#import kmeans_assign
#if BITS
#import tile_bits
#end
#if BITS == 0
#import tile_distances
#end
#import kmeans_tile

override SCALED: u32 = 0u;

#if BITS
@group(0) @binding(1) var<storage, read> rows: array<u32>;
#end
#if BITS == 0
@group(0) @binding(1) var<storage, read> rows: array<Stored>;
#end
@group(0) @binding(2) var<storage, read> scales: array<vec4<f32>>;

#if BITS
fn row_word(at: u32) -> u32 {
    return rows[at];
}

fn scale_quad(quad: u32) -> vec4<f32> {
    if (SCALED == 0u) {
        return vec4<f32>(1.0);
    }
    return scales[quad];
}
#end

#entry THREADS {
    let tiles = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
    let restart = workgroup / tiles;
    if (restart >= params.restarts) {
        return;
    }
    let state = states[restart];
    if (is_left_alone(state, params.finished_too)) {
        return;
    }
    let first_row = (workgroup % tiles) * TILE_ROWS;
    let nearest = nearest_of_tile(thread, restart, first_row);
    if (column_lane(thread) == 0u) {
        #for r in 0..ROWS
        assign(restart, first_row + $(r)u * ROW_THREADS + row_lane(thread), nearest.of_$r, state);
        #end
    }
}

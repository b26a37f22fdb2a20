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
// One workgroup assigns ROWS rows per thread for one restart and compares them with $COLUMNS centres at a time.
// Cost: 3 · 4 quads · rows · clusters · restarts flops, with BITS 2 instead of 3. Rows are read clusters / $COLUMNS times a
// restart.
#import kmeans_assign
#if BITS
#import tile_bits
#end
#if BITS == 0
#import tile_distances
#end

#if BITS
@group(0) @binding(1) var<storage, read> rows: array<u32>;
#end
#if BITS == 0
@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
#end
var<private> restart: u32;
var<private> first_center: u32;

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
#if BITS == 0
fn row_quad(at: u32) -> vec4<f32> {
    return rows[at];
}
#end

fn other_quad(at: u32) -> vec4<f32> {
    return centers[at];
}

// Columns past the last centre repeat it.
fn other_row(column: u32) -> u32 {
    return restart * params.clusters + min(first_center + column, params.clusters - 1u);
}

#if BITS == 0
fn term(difference: vec4<f32>) -> f32 {
    return dot(difference, difference);
}
#end

#entry THREADS {
    let tiles = (params.rows + THREADS * $(ROWS)u - 1u) / (THREADS * $(ROWS)u);
    let line = workgroup;
    restart = line / tiles;
    if (restart >= params.restarts) {
        return;
    }
    let state = states[restart];
    if (is_left_alone(state, params.finished_too)) {
        return;
    }
    let first_row = (line % tiles) * THREADS * $(ROWS)u + thread;
    #for r in 0..ROWS
    var nearest_$r = none_yet();
    let key_$r = key_of(first_row + $(r)u * THREADS);
    #end
    for (first_center = 0u; first_center < params.clusters; first_center += $(COLUMNS)u) {
        let tile = tile_distances(thread, first_row, params.rows - 1u, params.quads);
        #for c in 0..COLUMNS
        let center_$c = min(first_center + $(c)u, params.clusters - 1u);
        #for r in 0..ROWS
        nearest_$r = nearer(nearest_$r, tile.of_$(r)_$c, center_$c, key_$r);
        #end
        #end
    }
    #for r in 0..ROWS
    assign(restart, first_row + $(r)u * THREADS, nearest_$r, state);
    #end
}

// k-means, assignment:  label[r, i] = argmin_j |x_i − centre[r, j]|²
// Of several equally near: the lowest j, or with TIES_BY_KEY the one that a hash of row and centre ranks first
//
// rows       [rows, 4 · quads]     numbers; with BITS [rows, words] of 32 columns each, where a bit of column c stands for s_c
// scales     [4 · quads]           s; read only where SCALED is 1, else every s_c is 1
// centers    [restarts, clusters, 4 · quads]
// keys       [rows]                a hash of each row, equal for equal rows; read only where TIES_BY_KEY is 1
// states     [restarts]            a restart that has finished is left alone, unless finished_too is 1
// labels     [restarts, rows]      the label before, read and replaced; bit 31 is set where it changed
// distances  [restarts, rows]      |x_i − centre of its label|²
// rows (but for BITS), scales and centers are read as vec4; the padding of rows and centers holds zeros.
//
// One workgroup finds the centre of ROWS · threads rows for one restart, $COLUMNS centres at a time.
// Cost: 3 · 4 quads · rows · clusters · restarts flops, with BITS 2 instead of 3; rows are read clusters / $COLUMNS times a restart.
#import dispatch
#import restart_state
#if BITS
#import tile_bits
#end
#if BITS == 0
#import tile_distances
#end

struct Params {
    rows: u32,
    quads: u32,
    clusters: u32,
    restarts: u32,
    finished_too: u32,
}

override TIES_BY_KEY: u32 = 0u;
override SCALED: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
#if BITS
@group(0) @binding(1) var<storage, read> rows: array<u32>;
#end
#if BITS == 0
@group(0) @binding(1) var<storage, read> rows: array<vec4<f32>>;
#end
@group(0) @binding(2) var<storage, read> scales: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> centers: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> keys: array<u32>;
@group(0) @binding(5) var<storage, read> states: array<RestartState>;
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;
@group(0) @binding(7) var<storage, read_write> distances: array<f32>;

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

// Past the last centre it is repeated.
fn other_row(column: u32) -> u32 {
    return restart * params.clusters + min(first_center + column, params.clusters - 1u);
}

#if BITS == 0
fn term(difference: vec4<f32>) -> f32 {
    return dot(difference, difference);
}
#end

// Where a hash puts centre j among the equals of a row. Multiplying carries every bit of the key into the highest ones.
fn rank(key: u32, center: u32) -> u32 {
    return (key ^ (center * 0x9e3779b9u)) * 0xc2b2ae35u;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tiles = (params.rows + THREADS * $(ROWS)u - 1u) / (THREADS * $(ROWS)u);
    let line = linear_workgroup(workgroup, grid);
    restart = line / tiles;
    if (restart >= params.restarts) {
        return;
    }
    let state = states[restart];
    if (state.finished != 0u && params.finished_too == 0u) {
        return;
    }
    let first_row = (line % tiles) * THREADS * $(ROWS)u + thread;
    #for r in 0..ROWS
    var nearest_$r = 3.4028234e38;
    var label_$r = 0u;
    var rank_$r = 0xffffffffu;
    var key_$r = 0u;
    if (TIES_BY_KEY == 1u) {
        key_$r = keys[min(first_row + $(r)u * THREADS, params.rows - 1u)];
    }
    #end
    for (first_center = 0u; first_center < params.clusters; first_center += $(COLUMNS)u) {
        let tile = tile_distances(thread, first_row, params.rows - 1u, params.quads);
        #for c in 0..COLUMNS
        let center_$c = min(first_center + $(c)u, params.clusters - 1u);
        #for r in 0..ROWS
        if (TIES_BY_KEY == 0u) {
            if (tile.of_$(r)_$c < nearest_$r) {
                nearest_$r = tile.of_$(r)_$c;
                label_$r = center_$c;
            }
        } else {
            let rank_of_center = rank(key_$r, center_$c);
            if (tile.of_$(r)_$c < nearest_$r || (tile.of_$(r)_$c == nearest_$r && rank_of_center < rank_$r)) {
                nearest_$r = tile.of_$(r)_$c;
                label_$r = center_$c;
                rank_$r = rank_of_center;
            }
        }
        #end
        #end
    }
    #for r in 0..ROWS
    if (first_row + $(r)u * THREADS < params.rows) {
        let at = restart * params.rows + first_row + $(r)u * THREADS;
        let changed = state.iterations == 0u || (labels[at] & ~CHANGED) != label_$r;
        labels[at] = select(label_$r, label_$r | CHANGED, changed);
        distances[at] = nearest_$r;
    }
    #end
}

// Silhouette of one row:  s = (b − a) / max(a, b),  a = its mean distance to the other rows of its cluster, b = the least mean
// distance to the rows of another cluster;  0 where the row is alone in its cluster, or a = b = 0
// with a distance of shaders/lib/row_distance.wgsl
//
// rows         [rows, quads]       sorted by cluster; a quad is four numbers, padded with zeros, or 64 bits
// traits       [rows]              vec2: how often the row occurs, and its trait for the metric
// starts       [clusters + 1]      first row of each cluster, then the number of rows
// occurrences  [clusters]          Σ of the first trait over the cluster
// silhouettes  [rows]              those of first_row..end_row are written
//
// One workgroup walks all rows, cluster by cluster and $COLUMNS at a time, for $ROWS rows a thread. A distance is added to the sum
// of its tile, that to the sum of a block of 64 tiles, that to the sum of the cluster: no run is long enough to drift.
// Cost: 3 · 4 quads · rows flops a row, or 6 quads · rows with bits, and a distance each.
#import dispatch
#import row_distance
#import tile_distances

struct Params {
    rows: u32,
    quads: u32,
    clusters: u32,
    first_row: u32,
    end_row: u32,
    columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<Unit>;
@group(0) @binding(2) var<storage, read> traits: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> starts: array<u32>;
@group(0) @binding(4) var<storage, read> occurrences: array<f32>;
@group(0) @binding(5) var<storage, read_write> silhouettes: array<f32>;

const TILES_A_BLOCK = 64u;

var<private> first_other: u32;
var<private> last_other: u32;

fn row_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_row(column: u32) -> u32 {
    return min(first_other + column, last_other);
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let workgroup_row = params.first_row + linear_workgroup(workgroup, grid) * THREADS * $(ROWS)u;
    if (workgroup_row >= params.end_row) {
        return;
    }
    let first_row = workgroup_row + thread;
    #for r in 0..ROWS
    let row_$r = first_row + $(r)u * THREADS;
    let trait_$r = traits[min(row_$r, params.rows - 1u)].y;
    var within_$r = 0.0;
    var alone_$r = true;
    var nearest_$r = 3.4028234e38;
    #end
    for (var cluster = 0u; cluster < params.clusters; cluster++) {
        let start = starts[cluster];
        let end = starts[cluster + 1u];
        last_other = end - 1u;
        #for r in 0..ROWS
        var sum_$r = 0.0;
        #end
        for (var block = start; block < end; block += TILES_A_BLOCK * $(COLUMNS)u) {
            let block_end = min(block + TILES_A_BLOCK * $(COLUMNS)u, end);
            #for r in 0..ROWS
            var block_sum_$r = 0.0;
            #end
            for (first_other = block; first_other < block_end; first_other += $(COLUMNS)u) {
                let tile = tile_distances(thread, first_row, params.rows - 1u, params.quads);
                #for r in 0..ROWS
                var tile_sum_$r = 0.0;
                #end
                #for c in 0..COLUMNS
                if (first_other + $(c)u < end) {
                    let other = traits[first_other + $(c)u];
                    #for r in 0..ROWS
                    // The row itself is not one of the others, but its further occurrences are.
                    let times_$r = other.x - select(0.0, 1.0, first_other + $(c)u == row_$r);
                    tile_sum_$r += times_$r * distance_of(tile.of_$(r)_$c, trait_$r, other.y, params.columns);
                    #end
                }
                #end
                #for r in 0..ROWS
                block_sum_$r += tile_sum_$r;
                #end
            }
            #for r in 0..ROWS
            sum_$r += block_sum_$r;
            #end
        }
        let count = occurrences[cluster];
        #for r in 0..ROWS
        if (start <= row_$r && row_$r < end) {
            within_$r = sum_$r / max(count - 1.0, 1.0);
            alone_$r = count <= 1.0;
        } else {
            nearest_$r = min(nearest_$r, sum_$r / count);
        }
        #end
    }
    #for r in 0..ROWS
    if (row_$r < params.end_row) {
        let larger = max(within_$r, nearest_$r);
        let defined = !alone_$r && larger > 0.0;
        silhouettes[row_$r] = select(0.0, (nearest_$r - within_$r) / max(larger, 1e-37), defined);
    }
    #end
}

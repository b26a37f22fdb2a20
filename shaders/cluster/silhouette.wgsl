// The silhouette of each row (Rousseeuw 1987):
//     s = (b − a) / max(a, b)
// Here a is the row's mean distance to the other rows of its cluster, and b is the smallest of its mean distances to the rows of
// another cluster. s is 0 if the row is alone in its cluster or if a = b = 0. Distances are those of
// shaders/lib/row_distance.wgsl.
//
// rows         [rows, quads]       sorted by cluster; a quad is four f32 values, padded with zeros, or 64 bits
// traits       [rows]              vec2: how often the row occurs, and its trait (see row_distance)
// starts       [clusters + 1]      index of the first row of each cluster, followed by the number of rows
// occurrences  [clusters]          how often the rows of the cluster occur in total
// silhouettes  [rows]              rows first_row ≤ i < end_row are written
//
// One workgroup computes the silhouettes of a tile of rows. It compares them with all rows, cluster by cluster and a tile at a
// time. A thread sums distances within a tile, tiles within a block of 64 tiles, and blocks within the cluster, so that
// rounding errors stay small. If several threads compare the same rows with different other rows (COLUMN_THREADS), their sums
// are added at the end of the cluster, in a fixed order. Rows packed as bits are short: they have QUADS quads, a constant of
// the variant, and a thread keeps its own rows in registers.
// Cost for each row: 3 · 4 quads · rows flops, or 6 quads · rows operations with bits, and one evaluation of distance_of for each
// other row.
#import row_distance
#if BITS == 0
#import tile_distances
#end
#if BITS && BROADCAST
const THREADS = $(LANES)u;
#end
#if BITS && BROADCAST == 0
const THREADS = 64u;
var<workgroup> shared_rows: array<array<Unit, $QUADS>, $COLUMNS>;
var<workgroup> shared_traits: array<vec2<f32>, $COLUMNS>;
#end
#if BITS
const ROW_THREADS = THREADS;
const COLUMN_THREADS = 1u;
const TILE_ROWS = THREADS * $(ROWS)u;
const TILE_COLUMNS = $(COLUMNS)u;

fn row_lane(thread: u32) -> u32 {
    return thread;
}

fn column_lane(thread: u32) -> u32 {
    return 0u;
}
#end
#if COLUMN_THREADS > 1
// The sums of each thread over a cluster. In the end a thread adds up those of one row; a tile has no more rows than threads.
var<workgroup> cluster_sums: array<array<f32, TILE_ROWS>, COLUMN_THREADS>;
var<workgroup> column_traits: array<array<vec2<f32>, COLUMN_THREADS>, $COLUMNS>;
#end

#params

@group(0) @binding(1) var<storage, read> rows: array<Unit>;
@group(0) @binding(2) var<storage, read> traits: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> starts: array<u32>;
@group(0) @binding(4) var<storage, read> occurrences: array<f32>;
@group(0) @binding(5) var<storage, read_write> silhouettes: array<f32>;

const TILES_A_BLOCK = 64u;

fn row_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_row(place: u32) -> u32 {
    return place;
}

// Columns past the end of the cluster repeat its last row with 0 occurrences.
fn other_traits(other: u32, last_other: u32) -> vec2<f32> {
    return select(vec2<f32>(), traits[min(other, last_other)], other <= last_other);
}

#entry THREADS {
    let first_row = params.first_row + workgroup * TILE_ROWS;
    if (first_row >= params.end_row) {
        return;
    }
    // The rows that the thread compares with others.
    #for r in 0..ROWS
    let row_$r = first_row + $(r)u * ROW_THREADS + row_lane(thread);
    let row_at_$r = min(row_$r, params.rows - 1u);
    let trait_$r = traits[row_at_$r].y;
    #if BITS
    #for q in 0..QUADS
    let own_$(r)_$q = rows[row_at_$r * $(QUADS)u + $(q)u];
    #end
    #end
    #end
    // The rows whose silhouettes the thread computes from the sums.
    #for r in 0..1 + (COLUMN_THREADS == 1) * (ROWS - 1)
    #if COLUMN_THREADS > 1
    let own_row_$r = first_row + min(thread, TILE_ROWS - 1u);
    #end
    #if COLUMN_THREADS == 1
    let own_row_$r = row_$r;
    #end
    var within_$r = 0.0;
    var alone_$r = true;
    var nearest_$r = 3.4028234e38;
    #end
    for (var cluster = 0u; cluster < params.clusters; cluster++) {
        let start = starts[cluster];
        let end = starts[cluster + 1u];
        let last_other = end - 1u;
        #if COLUMN_THREADS > 1
        // Wait until no thread reads the sums of the previous cluster any more.
        workgroupBarrier();
        #for r in 0..ROWS
        cluster_sums[column_lane(thread)][$(r)u * ROW_THREADS + row_lane(thread)] = 0.0;
        #end
        #end
        #if COLUMN_THREADS == 1
        #for r in 0..ROWS
        var sum_$r = 0.0;
        #end
        #end
        for (var block = start; block < end; block += TILES_A_BLOCK * TILE_COLUMNS) {
            let block_end = min(block + TILES_A_BLOCK * TILE_COLUMNS, end);
            #for r in 0..ROWS
            var block_sum_$r = 0.0;
            #end
            for (var first_other = block; first_other < block_end; first_other += TILE_COLUMNS) {
                #for r in 0..ROWS
                var tile_sum_$r = 0.0;
                #end
                #if BITS == 0
                let tile = tile_distances(thread, first_row, params.rows - 1u, first_other, last_other, params.quads);
                #end
                #if COLUMN_THREADS > 1
                // All threads have passed a barrier since they read the traits of the previous tile.
                for (var column = thread; column < TILE_COLUMNS; column += THREADS) {
                    column_traits[column / COLUMN_THREADS][column % COLUMN_THREADS] = other_traits(first_other + column, last_other);
                }
                workgroupBarrier();
                #end
                #if BROADCAST
                #for v in 0..(COLUMNS + LANES - 1) / LANES
                let my_traits_$v = other_traits(first_other + $(v * LANES)u + thread, last_other);
                #if BITS
                #for q in 0..QUADS
                let mine_$(v)_$q = rows[min(first_other + $(v * LANES)u + thread, last_other) * $(QUADS)u + $(q)u];
                #end
                #end
                #end
                #end
                #if BITS && BROADCAST == 0
                // Wait until no thread reads the previous tile any more.
                workgroupBarrier();
                for (var column = thread; column < $(COLUMNS)u; column += THREADS) {
                    shared_traits[column] = other_traits(first_other + column, last_other);
                    #for q in 0..QUADS
                    shared_rows[column][$q] = rows[min(first_other + column, last_other) * $(QUADS)u + $(q)u];
                    #end
                }
                workgroupBarrier();
                #end
                #for c in 0..COLUMNS
                #if BROADCAST
                let traits_$c = subgroupBroadcast(my_traits_$(c / LANES), $(c % LANES)u);
                #end
                #if BITS == 0
                #if BROADCAST == 0
                let traits_$c = column_traits[$c][column_lane(thread)];
                #end
                #for r in 0..ROWS
                tile_sum_$r += traits_$(c).x * distance_of(tile.of_$(r)_$c, trait_$r, traits_$(c).y, params.columns);
                #end
                #end
                #if BITS
                #if BROADCAST == 0
                let traits_$c = shared_traits[$c];
                #end
                #for r in 0..ROWS
                var terms_$(r)_$c = 0.0;
                #end
                #for q in 0..QUADS
                #if BROADCAST
                let other_$(c)_$q = subgroupBroadcast(mine_$(c / LANES)_$q, $(c % LANES)u);
                #end
                #if BROADCAST == 0
                let other_$(c)_$q = shared_rows[$c][$q];
                #end
                #for r in 0..ROWS
                terms_$(r)_$c += term(own_$(r)_$q ^ other_$(c)_$q);
                #end
                #end
                #for r in 0..ROWS
                tile_sum_$r += traits_$(c).x * distance_of(terms_$(r)_$c, trait_$r, traits_$(c).y, params.columns);
                #end
                #end
                #end
                #for r in 0..ROWS
                block_sum_$r += tile_sum_$r;
                #end
            }
            #for r in 0..ROWS
            #if COLUMN_THREADS > 1
            var sum_$r = cluster_sums[column_lane(thread)][$(r)u * ROW_THREADS + row_lane(thread)];
            #end
            sum_$r += block_sum_$r;
            #if COLUMN_THREADS > 1
            cluster_sums[column_lane(thread)][$(r)u * ROW_THREADS + row_lane(thread)] = sum_$r;
            #end
            #end
        }
        #if COLUMN_THREADS > 1
        workgroupBarrier();
        var cluster_sum_0 = 0.0;
        #for t in 0..COLUMN_THREADS
        cluster_sum_0 += cluster_sums[$t][min(thread, TILE_ROWS - 1u)];
        #end
        #end
        #if COLUMN_THREADS == 1
        #for r in 0..ROWS
        let cluster_sum_$r = sum_$r;
        #end
        #end
        let count = occurrences[cluster];
        #for r in 0..1 + (COLUMN_THREADS == 1) * (ROWS - 1)
        if ((start <= own_row_$r) & (own_row_$r < end)) {
            // The sum includes the row's distance to itself once too often: only its further occurrences are other rows.
            let own_trait = traits[min(own_row_$r, params.rows - 1u)].y;
            let to_itself = distance_of(0.0, own_trait, own_trait, params.columns);
            within_$r = (cluster_sum_$r - to_itself) / max(count - 1.0, 1.0);
            alone_$r = count <= 1.0;
        } else {
            nearest_$r = min(nearest_$r, cluster_sum_$r / count);
        }
        #end
    }
    #for r in 0..1 + (COLUMN_THREADS == 1) * (ROWS - 1)
    if ((own_row_$r < params.end_row) & ((COLUMN_THREADS == 1u) | (thread < TILE_ROWS))) {
        let larger = max(within_$r, nearest_$r);
        let defined = !alone_$r & (larger > 0.0);
        silhouettes[own_row_$r] = select(0.0, (nearest_$r - within_$r) / max(larger, 1e-37), defined);
    }
    #end
}

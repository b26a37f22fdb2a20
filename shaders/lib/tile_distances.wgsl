// Sums over the differences between a tile of rows and a tile of other rows. Every thread compares $ROWS of the rows with
// $COLUMNS of the other rows. Differences are computed before they are squared: the expansion |a|² − 2a·b + |b|² would suffer
// from cancellation. A quad is four f32 values, or with BITS a vec2<u32> of 64 columns of 0 and 1. The kernel that imports this
// snippet defines
//     fn row_quad(at: u32) -> vec4<f32>          a quad of the rows; `at` is an index of quads
//     fn other_quad(at: u32) -> vec4<f32>        a quad of the other rows; `at` is an index of quads
//     fn other_row(place: u32) -> u32            the index of the other row at a place; most kernels return the place itself
//     fn term(difference: vec4<f32>) -> f32      what the differences of a quad add to the sum
// With BITS, vec4<f32> is vec2<u32> in these signatures, and a difference is the exclusive or of two quads. With BROADCAST, a
// workgroup is one subgroup, whose lanes divide the loads of the other rows among them and broadcast the values; a lane loads
// its own rows. With BROADCAST and WIDE, row_quad and other_quad return two quads at once, as a Stored of lib/stored, and every
// row has an even number of quads. Without BROADCAST, the threads form $COLUMN_THREADS groups that compare the same rows with
// different other rows, and both tiles lie in workgroup memory, DEPTH quads of each row at a time.
#if BROADCAST
const THREADS = $(LANES)u;
const ROW_THREADS = $(LANES)u;
const COLUMN_THREADS = 1u;
#end
#if BROADCAST == 0
const THREADS = 64u;
const ROW_THREADS = $(64 / COLUMN_THREADS)u;
const COLUMN_THREADS = $(COLUMN_THREADS)u;
// Neighbouring threads read neighbouring rows of a tile. Only the quad and the thread are not constants in an index, so an access
// in the loop over the quads takes no arithmetic of its own.
#if BITS
var<workgroup> row_tile: array<array<array<vec2<u32>, ROW_THREADS>, $ROWS>, $DEPTH>;
var<workgroup> other_tile: array<array<array<vec2<u32>, COLUMN_THREADS>, $COLUMNS>, $DEPTH>;
#end
#if BITS == 0
var<workgroup> row_tile: array<array<array<vec4<f32>, ROW_THREADS>, $ROWS>, $DEPTH>;
var<workgroup> other_tile: array<array<array<vec4<f32>, COLUMN_THREADS>, $COLUMNS>, $DEPTH>;
#end
#end
const TILE_ROWS = ROW_THREADS * $(ROWS)u;
const TILE_COLUMNS = COLUMN_THREADS * $(COLUMNS)u;

// The sums of the rows and columns of the tile that belong to a thread: of_r_c is the sum of row row_lane + r · ROW_THREADS and
// column column_lane + c · COLUMN_THREADS.
struct TileDistances {
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    of_$(r)_$c: f32,
    #end
    #end
}

fn row_lane(thread: u32) -> u32 {
    return thread % ROW_THREADS;
}

fn column_lane(thread: u32) -> u32 {
    return thread / ROW_THREADS;
}

// Returns the thread's sums of a tile. Every thread of the workgroup must call it with the same arguments, except for `thread`.
// The rows of the tile are first_row, first_row + 1, …; rows past last_row are replaced by last_row. The other rows are those
// at the places first_other, first_other + 1, …; places past last_other are replaced by last_other.
fn tile_distances(thread: u32, first_row: u32, last_row: u32, first_other: u32, last_other: u32, quads: u32) -> TileDistances {
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    var of_$(r)_$c = 0.0;
    #end
    #end
    #if BROADCAST
    let units = quads / $(PARTS)u;
    #for r in 0..ROWS
    let row_at_$r = min(first_row + $(r)u * THREADS + thread, last_row) * units;
    #end
    #for v in 0..(COLUMNS + LANES - 1) / LANES
    let mine_at_$v = other_row(min(first_other + min($(v * LANES)u + thread, $(COLUMNS - 1)u), last_other)) * units;
    #end
    for (var q = 0u; q < units; q++) {
        #for v in 0..(COLUMNS + LANES - 1) / LANES
        let mine_$v = other_quad(mine_at_$v + q);
        #end
        #for r in 0..ROWS
        let row_$r = row_quad(row_at_$r + q);
        #end
        #if WIDE
        #for p in 0..2
        #for v in 0..(COLUMNS + LANES - 1) / LANES
        let mine_$(v)_$p = part_$(p)(mine_$v);
        #end
        #for r in 0..ROWS
        let row_$(r)_$p = part_$(p)(row_$r);
        #end
        #end
        #for c in 0..COLUMNS
        #for p in 0..2
        let other_$(c)_$p = subgroupBroadcast(mine_$(c / LANES)_$p, $(c % LANES)u);
        #end
        #for r in 0..ROWS
        of_$(r)_$c += term(row_$(r)_0 - other_$(c)_0);
        of_$(r)_$c += term(row_$(r)_1 - other_$(c)_1);
        #end
        #end
        #end
        #if WIDE == 0
        #for c in 0..COLUMNS
        let other_$c = subgroupBroadcast(mine_$(c / LANES), $(c % LANES)u);
        #for r in 0..ROWS
        #if BITS
        of_$(r)_$c += term(row_$r ^ other_$c);
        #end
        #if BITS == 0
        of_$(r)_$c += term(row_$r - other_$c);
        #end
        #end
        #end
        #end
    }
    #end
    #if BROADCAST == 0
    let row_lane = row_lane(thread);
    let column_lane = column_lane(thread);
    for (var first = 0u; first < quads; first += $(DEPTH)u) {
        let last = min(first + $(DEPTH)u, quads) - 1u;
        // Wait until no thread reads the previous tile any more.
        workgroupBarrier();
        #for v in 0..(ROWS * DEPTH + COLUMN_THREADS - 1) / COLUMN_THREADS
        let row_copy_$v = min($(v * 64)u + thread, TILE_ROWS * $(DEPTH)u - 1u);
        let row_copied_$v = row_copy_$v / $(DEPTH)u;
        let row_from_$v = min(first_row + row_copied_$v, last_row) * quads + min(first + row_copy_$v % $(DEPTH)u, last);
        row_tile[row_copy_$v % $(DEPTH)u][row_copied_$v / ROW_THREADS][row_copied_$v % ROW_THREADS] = row_quad(row_from_$v);
        #end
        #for v in 0..(COLUMNS * COLUMN_THREADS * DEPTH + 63) / 64
        let other_copy_$v = min($(v * 64)u + thread, TILE_COLUMNS * $(DEPTH)u - 1u);
        let other_copied_$v = other_copy_$v / $(DEPTH)u;
        let other_from_$v = other_row(min(first_other + other_copied_$v, last_other)) * quads + min(first + other_copy_$v % $(DEPTH)u, last);
        other_tile[other_copy_$v % $(DEPTH)u][other_copied_$v / COLUMN_THREADS][other_copied_$v % COLUMN_THREADS] = other_quad(other_from_$v);
        #end
        workgroupBarrier();
        for (var q = 0u; q <= last - first; q++) {
            #for r in 0..ROWS
            let row_$r = row_tile[q][$r][row_lane];
            #end
            #for c in 0..COLUMNS
            let other_$c = other_tile[q][$c][column_lane];
            #for r in 0..ROWS
            #if BITS
            of_$(r)_$c += term(row_$r ^ other_$c);
            #end
            #if BITS == 0
            of_$(r)_$c += term(row_$r - other_$c);
            #end
            #end
            #end
        }
    }
    #end
    var tile: TileDistances;
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    tile.of_$(r)_$c = of_$(r)_$c;
    #end
    #end
    return tile;
}

// Sums over the differences between $ROWS rows per thread and $COLUMNS other rows that the whole workgroup shares. Differences
// are computed before they are squared: the expansion |a|² − 2a·b + |b|² would suffer from cancellation. A quad is four f32
// values, or with BITS a vec2<u32> of 64 columns of 0 and 1. The kernel that imports this snippet defines
//     fn row_quad(at: u32) -> vec4<f32>          a quad of the thread's rows; `at` is an index of quads
//     fn other_quad(at: u32) -> vec4<f32>        a quad of the other rows; `at` is an index of quads
//     fn other_row(column: u32) -> u32           the index of the other row in a column of the tile
//     fn term(difference: vec4<f32>) -> f32      what the differences of a quad add to the sum
// With BITS, vec4<f32> is vec2<u32> in these signatures, and a difference is the exclusive or of two quads.
// With BROADCAST, a workgroup is one subgroup, whose lanes divide the loads of the other rows among them and broadcast the
// values. Without it, the other rows are shared through workgroup memory, DEPTH quads of each at a time.
#if BROADCAST
const THREADS = $(LANES)u;
#end
#if BROADCAST == 0
const THREADS = 64u;
const SHARED_QUADS = $(COLUMNS * DEPTH)u;
#if BITS
var<workgroup> shared_quads: array<vec2<u32>, SHARED_QUADS>;
#end
#if BITS == 0
var<workgroup> shared_quads: array<vec4<f32>, SHARED_QUADS>;
#end
#end

struct TileDistances {
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    of_$(r)_$c: f32,
    #end
    #end
}

// Returns the sums of the thread's rows and the other rows. Every thread of the workgroup must call it. The thread's rows are
// first_row, first_row + THREADS, …, so that neighbouring threads read neighbouring rows; rows past last_row are replaced by
// last_row.
fn tile_distances(thread: u32, first_row: u32, last_row: u32, quads: u32) -> TileDistances {
    #for r in 0..ROWS
    let row_at_$r = min(first_row + $(r)u * THREADS, last_row) * quads;
    #for c in 0..COLUMNS
    var of_$(r)_$c = 0.0;
    #end
    #end
    #if BROADCAST
    #for v in 0..(COLUMNS + LANES - 1) / LANES
    let mine_at_$v = other_row(min($(v * LANES)u + thread, $(COLUMNS - 1)u)) * quads;
    #end
    for (var q = 0u; q < quads; q++) {
        #for v in 0..(COLUMNS + LANES - 1) / LANES
        let mine_$v = other_quad(mine_at_$v + q);
        #end
        #for r in 0..ROWS
        let row_$r = row_quad(row_at_$r + q);
        #end
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
    }
    #end
    #if BROADCAST == 0
    for (var first = 0u; first < quads; first += $(DEPTH)u) {
        let depth = min($(DEPTH)u, quads - first);
        // Wait until no thread reads the previous tile any more.
        workgroupBarrier();
        for (var i = thread; i < SHARED_QUADS; i += THREADS) {
            let at = other_row(i / $(DEPTH)u) * quads + first + min(i % $(DEPTH)u, depth - 1u);
            shared_quads[i] = other_quad(at);
        }
        workgroupBarrier();
        for (var q = 0u; q < depth; q++) {
            #for r in 0..ROWS
            let row_$r = row_quad(row_at_$r + first + q);
            #end
            #for c in 0..COLUMNS
            let other_$c = shared_quads[$(c * DEPTH)u + q];
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

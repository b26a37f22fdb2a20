// Squared distances between $ROWS rows per thread, packed as bits, and $COLUMNS other rows of f32 values that the whole workgroup
// shares. A set bit of column c represents s_c. The squared distance of bits b to another row o is
//     Σ_c (s_c b_c − o_c)²  =  Σ_c o_c²  +  Σ_c b_c s_c (s_c − 2 o_c),
// clamped to at least 0. It takes one multiply-add a column. If every s_c is 1 and every o_c is 0 or 1, it is exact, so equal
// distances compare as equal. The kernel that imports this snippet defines
//     fn row_word(at: u32) -> u32                32 bits of the thread's rows; `at` is an index of words
//     fn other_quad(at: u32) -> vec4<f32>        four values of the other rows; `at` is an index of vec4
//     fn scale_quad(quad: u32) -> vec4<f32>      s of four columns
// With BROADCAST, a workgroup is one subgroup, whose lanes divide the computation of s (s − 2 o) and o² among them and broadcast
// the results. Without it, the results are shared through workgroup memory, DEPTH vec4 of each other row at a time.
#if BROADCAST
const THREADS = $(LANES)u;
#end
#if BROADCAST == 0
const THREADS = 64u;
// Quad by quad: every index but the first is a constant, so an access takes one bounds check a quad and no arithmetic.
var<workgroup> shared_changes: array<array<vec4<f32>, $COLUMNS>, $DEPTH>;
var<workgroup> shared_squares: array<array<f32, $COLUMNS>, $DEPTH>;
#end

// All threads compare their own rows with all other rows of the tile. The names are those of lib/tile_distances.
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

struct TileDistances {
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    of_$(r)_$c: f32,
    #end
    #end
}

// Returns sum + Σ bits · change over four columns.
fn changed_by(bits: vec4<f32>, change: vec4<f32>, sum: f32) -> f32 {
    return fma(bits.w, change.w, fma(bits.z, change.z, fma(bits.y, change.y, fma(bits.x, change.x, sum))));
}

// Returns the squared distances between the thread's rows and the other rows. Every thread of the workgroup must call it with the
// same arguments, except for `thread`. The rows of the tile are first_row, first_row + 1, …, and every THREADS-th of them is the
// thread's; rows past last_row are replaced by last_row. The other rows are first_other, first_other + 1, …; rows past last_other
// are replaced by last_other.
fn tile_distances(thread: u32, first_row: u32, last_row: u32, first_other: u32, last_other: u32, quads: u32) -> TileDistances {
    let words = (quads + 7u) / 8u;
    #for r in 0..ROWS
    let row_at_$r = min(first_row + $(r)u * THREADS + thread, last_row) * words;
    var word_$r = 0u;
    #for c in 0..COLUMNS
    var of_$(r)_$c = 0.0;
    #end
    #end
    #if BROADCAST
    #for v in 0..(COLUMNS + LANES - 1) / LANES
    let mine_at_$v = min(first_other + min($(v * LANES)u + thread, $(COLUMNS - 1)u), last_other) * quads;
    var my_squares_$v = 0.0;
    #end
    for (var q = 0u; q < quads; q++) {
        if (q % 8u == 0u) {
            #for r in 0..ROWS
            word_$r = row_word(row_at_$r + q / 8u);
            #end
        }
        let places = vec4<u32>(1u, 2u, 4u, 8u) << vec4<u32>(4u * (q % 8u));
        #for r in 0..ROWS
        let bits_$r = select(vec4<f32>(), vec4<f32>(1.0), (vec4<u32>(word_$r) & places) != vec4<u32>());
        #end
        let scale = scale_quad(q);
        #for v in 0..(COLUMNS + LANES - 1) / LANES
        let mine_$v = other_quad(mine_at_$v + q);
        let my_change_$v = scale * (scale - 2.0 * mine_$v);
        my_squares_$v += dot(mine_$v, mine_$v);
        #end
        #for c in 0..COLUMNS
        let change_$c = subgroupBroadcast(my_change_$(c / LANES), $(c % LANES)u);
        #for r in 0..ROWS
        of_$(r)_$c = changed_by(bits_$r, change_$c, of_$(r)_$c);
        #end
        #end
    }
    #for c in 0..COLUMNS
    let squares_$c = subgroupBroadcast(my_squares_$(c / LANES), $(c % LANES)u);
    #end
    #end
    #if BROADCAST == 0
    // The quads that the thread copies: one of every column after another.
    #for v in 0..(COLUMNS * DEPTH + 63) / 64
    let copy_$v = min($(v * 64)u + thread, $(COLUMNS * DEPTH - 1)u);
    let copy_quad_$v = copy_$v % $(DEPTH)u;
    let copy_column_$v = copy_$v / $(DEPTH)u;
    let copy_at_$v = min(first_other + copy_column_$v, last_other) * quads;
    #end
    // A thread sums the squares of one column, which all threads need in the end.
    let my_column = min(thread, $(COLUMNS - 1)u);
    var my_squares = 0.0;
    for (var first = 0u; first < quads; first += $(DEPTH)u) {
        let depth = min($(DEPTH)u, quads - first);
        // Wait until no thread reads the previous tile any more.
        workgroupBarrier();
        #for v in 0..(COLUMNS * DEPTH + 63) / 64
        let quad_$v = first + min(copy_quad_$v, depth - 1u);
        let copied_$v = other_quad(copy_at_$v + quad_$v);
        let scale_$v = scale_quad(quad_$v);
        shared_changes[copy_quad_$v][copy_column_$v] = scale_$v * (scale_$v - 2.0 * copied_$v);
        shared_squares[copy_quad_$v][copy_column_$v] = dot(copied_$v, copied_$v);
        #end
        workgroupBarrier();
        for (var q = 0u; q < depth; q++) {
            my_squares += shared_squares[q][my_column];
        }
        for (var q = 0u; q < depth; q++) {
            if ((first + q) % 8u == 0u) {
                #for r in 0..ROWS
                word_$r = row_word(row_at_$r + (first + q) / 8u);
                #end
            }
            let places = vec4<u32>(1u, 2u, 4u, 8u) << vec4<u32>(4u * ((first + q) % 8u));
            #for r in 0..ROWS
            let bits_$r = select(vec4<f32>(), vec4<f32>(1.0), (vec4<u32>(word_$r) & places) != vec4<u32>());
            #end
            #for c in 0..COLUMNS
            let change_$c = shared_changes[q][$c];
            #for r in 0..ROWS
            of_$(r)_$c = changed_by(bits_$r, change_$c, of_$(r)_$c);
            #end
            #end
        }
    }
    // Wait until no thread reads the last tile any more.
    workgroupBarrier();
    if (thread < $(COLUMNS)u) {
        shared_squares[0][thread] = my_squares;
    }
    workgroupBarrier();
    #for c in 0..COLUMNS
    let squares_$c = shared_squares[0][$c];
    #end
    #end
    var tile: TileDistances;
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    tile.of_$(r)_$c = max(squares_$c + of_$(r)_$c, 0.0);
    #end
    #end
    return tile;
}

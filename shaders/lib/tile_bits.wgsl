// As tile_distances, for rows of bits: between row b and other o the distance is Σ_c (s_c b_c − o_c)², of which every term is o_c²
// or (s_c − o_c)²; both are computed once for each other and chosen by the row's bit. The kernel that imports this defines
//     fn row_word(at: u32) -> u32                32 bits of the thread's own rows, at a position counted in words
//     fn other_quad(at: u32) -> vec4<f32>        four numbers of the others, at a position counted in vec4
//     fn other_row(column: u32) -> u32           which row of the others stands in a column of the tile
//     fn scale_quad(quad: u32) -> vec4<f32>      what a bit stands for in four columns
// With BROADCAST a workgroup is one subgroup, whose lanes compute the terms together and broadcast them; they choose by masks,
// a ^ ((a ^ b) & mask), because adapters with such subgroups are slow at selecting by booleans. Without, the terms pass through
// workgroup memory, DEPTH vec4 of each at a time.
#if BROADCAST
const THREADS = $(LANES)u;
#end
#if BROADCAST == 0
const THREADS = 64u;
const SHARED_QUADS = $(COLUMNS * DEPTH)u;
var<workgroup> shared_without: array<vec4<f32>, SHARED_QUADS>;
var<workgroup> shared_with: array<vec4<f32>, SHARED_QUADS>;
#end

struct TileDistances {
    #for r in 0..ROWS
    #for c in 0..COLUMNS
    of_$(r)_$c: f32,
    #end
    #end
}

// Every thread of the workgroup must call it. The thread's rows are first_row, first_row + THREADS, …; a row past last_row stands
// for last_row.
fn tile_distances(thread: u32, first_row: u32, last_row: u32, quads: u32) -> TileDistances {
    let words = (quads + 7u) / 8u;
    #for r in 0..ROWS
    let row_at_$r = min(first_row + $(r)u * THREADS, last_row) * words;
    var word_$r = 0u;
    #for c in 0..COLUMNS
    var of_$(r)_$c = 0.0;
    #end
    #end
    #if BROADCAST
    #for v in 0..(COLUMNS + LANES - 1) / LANES
    let mine_at_$v = other_row(min($(v * LANES)u + thread, $(COLUMNS - 1)u)) * quads;
    #end
    for (var q = 0u; q < quads; q++) {
        if (q % 8u == 0u) {
            #for r in 0..ROWS
            word_$r = row_word(row_at_$r + q / 8u);
            #end
        }
        let places = vec4<u32>(1u, 2u, 4u, 8u) << vec4<u32>(4u * (q % 8u));
        #for r in 0..ROWS
        let mask_$r = select(vec4<u32>(), vec4<u32>(0xffffffffu), (vec4<u32>(word_$r) & places) != vec4<u32>());
        #end
        let scale = scale_quad(q);
        #for v in 0..(COLUMNS + LANES - 1) / LANES
        let mine_$v = other_quad(mine_at_$v + q);
        let without_$v = bitcast<vec4<u32>>(mine_$v * mine_$v);
        let change_$v = without_$v ^ bitcast<vec4<u32>>((scale - mine_$v) * (scale - mine_$v));
        #end
        #for c in 0..COLUMNS
        let without_of_$c = subgroupBroadcast(without_$(c / LANES), $(c % LANES)u);
        let change_of_$c = subgroupBroadcast(change_$(c / LANES), $(c % LANES)u);
        #for r in 0..ROWS
        let terms_$(r)_$c = bitcast<vec4<f32>>(without_of_$c ^ (change_of_$c & mask_$r));
        of_$(r)_$c += terms_$(r)_$(c).x + terms_$(r)_$(c).y + terms_$(r)_$(c).z + terms_$(r)_$(c).w;
        #end
        #end
    }
    #end
    #if BROADCAST == 0
    for (var first = 0u; first < quads; first += $(DEPTH)u) {
        let depth = min($(DEPTH)u, quads - first);
        // The threads may still read the tile before.
        workgroupBarrier();
        for (var i = thread; i < SHARED_QUADS; i += THREADS) {
            let quad = first + min(i % $(DEPTH)u, depth - 1u);
            let other = other_quad(other_row(i / $(DEPTH)u) * quads + quad);
            let scale = scale_quad(quad);
            shared_without[i] = other * other;
            shared_with[i] = (scale - other) * (scale - other);
        }
        workgroupBarrier();
        for (var q = 0u; q < depth; q++) {
            if ((first + q) % 8u == 0u) {
                #for r in 0..ROWS
                word_$r = row_word(row_at_$r + (first + q) / 8u);
                #end
            }
            let places = vec4<u32>(1u, 2u, 4u, 8u) << vec4<u32>(4u * ((first + q) % 8u));
            #for r in 0..ROWS
            let has_$r = (vec4<u32>(word_$r) & places) != vec4<u32>();
            #end
            #for c in 0..COLUMNS
            let without_of_$c = shared_without[$(c * DEPTH)u + q];
            let with_of_$c = shared_with[$(c * DEPTH)u + q];
            #for r in 0..ROWS
            let terms_$(r)_$c = select(without_of_$c, with_of_$c, has_$r);
            of_$(r)_$c += terms_$(r)_$(c).x + terms_$(r)_$(c).y + terms_$(r)_$(c).z + terms_$(r)_$(c).w;
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

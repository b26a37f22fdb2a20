// The neighbours of each row of a slice: the rows within a radius of it, and the number of rows that they represent.
//     bit j of within[i] = 1 if d(row i, row j) ≤ radius or i = j, else 0,      counts[i] = Σ occurrences[j] over the set bits j
// for first_row ≤ i < end_row and 0 ≤ j < rows, with the distance d of shaders/lib/row_distance.wgsl.
//
// rows         [rows, quads]                                  a quad is four f32 values, padded with zeros, or 64 bits
// traits       [rows]                                         the trait of each row (see row_distance)
// occurrences  [rows]                                         how often each row occurs
// within       [end_row − first_row, ⌈rows / 32⌉]             bit j is bit j % 32 of word j / 32
// counts       [end_row − first_row]
//
// One workgroup processes a tile of rows. It compares them with all rows; 32 rows make a word. If several threads compare the
// same rows with different other rows (COLUMN_THREADS), they put the words and the counts together in workgroup memory.
// Cost of a distance: 3 · 4 quads flops, or 6 quads operations with bits. One bit is written for each distance.
#import row_distance
#import tile_distances

#params

@group(0) @binding(1) var<storage, read> rows: array<Unit>;
@group(0) @binding(2) var<storage, read> traits: array<f32>;
@group(0) @binding(3) var<storage, read> occurrences: array<u32>;
@group(0) @binding(4) var<storage, read_write> within: array<u32>;
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;

#if BROADCAST == 0
const WORDS = TILE_COLUMNS / 32u;
// The words of the tile, row by row.
var<workgroup> tile_words: array<atomic<u32>, TILE_ROWS * WORDS>;
var<workgroup> tile_counts: array<atomic<u32>, TILE_ROWS>;
#end

fn row_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_row(place: u32) -> u32 {
    return place;
}

#entry THREADS {
    let first_row = params.first_row + workgroup * TILE_ROWS;
    if (first_row >= params.end_row) {
        return;
    }
    let words = (params.rows + 31u) / 32u;
    #for r in 0..ROWS
    let row_$r = first_row + $(r)u * ROW_THREADS + row_lane(thread);
    let trait_$r = traits[min(row_$r, params.rows - 1u)];
    var count_$r = 0u;
    #end
    #if BROADCAST
    for (var word = 0u; word < words; word++) {
        #for r in 0..ROWS
        var bits_$r = 0u;
        #end
        for (var part = 0u; part < $(32 / COLUMNS)u; part++) {
            let first_other = word * 32u + part * $(COLUMNS)u;
            let tile = tile_distances(thread, first_row, params.rows - 1u, first_other, params.rows - 1u, params.quads);
            #for c in 0..COLUMNS
            let other_$c = first_other + $(c)u;
            let bit_$c = 1u << (part * $(COLUMNS)u + $(c)u);
            if (other_$c < params.rows) {
                let trait_other = traits[other_$c];
                let occurs = occurrences[other_$c];
                #for r in 0..ROWS
                let distance_$r = distance_of(tile.of_$(r)_$c, trait_$r, trait_other, params.columns);
                if ((distance_$r <= params.radius) | (other_$c == row_$r)) {
                    bits_$r |= bit_$c;
                    count_$r += occurs;
                }
                #end
            }
            #end
        }
        #for r in 0..ROWS
        if (row_$r < params.end_row) {
            within[(row_$r - params.first_row) * words + word] = bits_$r;
        }
        #end
    }
    #for r in 0..ROWS
    if (row_$r < params.end_row) {
        counts[row_$r - params.first_row] = count_$r;
    }
    #end
    #end
    #if BROADCAST == 0
    let rows_of_tile = min(TILE_ROWS, params.end_row - first_row);
    for (var first_other = 0u; first_other < params.rows; first_other += TILE_COLUMNS) {
        let tile = tile_distances(thread, first_row, params.rows - 1u, first_other, params.rows - 1u, params.quads);
        // All threads have passed a barrier since the words of the previous tile were stored.
        for (var i = thread; i < TILE_ROWS * WORDS; i += THREADS) {
            atomicStore(&tile_words[i], 0u);
        }
        workgroupBarrier();
        #for w in 0..COLUMNS * COLUMN_THREADS / 32
        {
            #for r in 0..ROWS
            var bits_$r = 0u;
            #end
            #for c in w * 32 / COLUMN_THREADS..(w + 1) * 32 / COLUMN_THREADS
            let other_$c = first_other + $(c * COLUMN_THREADS)u + column_lane(thread);
            let bit_$c = 1u << ($(c * COLUMN_THREADS - w * 32)u + column_lane(thread));
            if (other_$c < params.rows) {
                let trait_other = traits[other_$c];
                let occurs = occurrences[other_$c];
                #for r in 0..ROWS
                let distance_$r = distance_of(tile.of_$(r)_$c, trait_$r, trait_other, params.columns);
                if ((distance_$r <= params.radius) | (other_$c == row_$r)) {
                    bits_$r |= bit_$c;
                    count_$r += occurs;
                }
                #end
            }
            #end
            #for r in 0..ROWS
            atomicOr(&tile_words[($(r)u * ROW_THREADS + row_lane(thread)) * WORDS + $(w)u], bits_$r);
            #end
        }
        #end
        workgroupBarrier();
        for (var i = thread; i < rows_of_tile * WORDS; i += THREADS) {
            let word = first_other / 32u + i % WORDS;
            if (word < words) {
                within[(first_row - params.first_row + i / WORDS) * words + word] = atomicLoad(&tile_words[i]);
            }
        }
    }
    for (var i = thread; i < TILE_ROWS; i += THREADS) {
        atomicStore(&tile_counts[i], 0u);
    }
    workgroupBarrier();
    #for r in 0..ROWS
    atomicAdd(&tile_counts[$(r)u * ROW_THREADS + row_lane(thread)], count_$r);
    #end
    workgroupBarrier();
    for (var i = thread; i < rows_of_tile; i += THREADS) {
        counts[first_row - params.first_row + i] = atomicLoad(&tile_counts[i]);
    }
    #end
}

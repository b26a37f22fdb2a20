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
// One workgroup processes $ROWS rows per thread. It compares them with all rows, $COLUMNS at a time; 32 rows make a word.
// Cost of a distance: 3 · 4 quads flops, or 6 quads operations with bits. One bit is written for each distance.
#import row_distance
#import tile_distances

#params

@group(0) @binding(1) var<storage, read> rows: array<Unit>;
@group(0) @binding(2) var<storage, read> traits: array<f32>;
@group(0) @binding(3) var<storage, read> occurrences: array<u32>;
@group(0) @binding(4) var<storage, read_write> within: array<u32>;
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;

var<private> first_other: u32;

fn row_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_quad(at: u32) -> Unit {
    return rows[at];
}

fn other_row(column: u32) -> u32 {
    return min(first_other + column, params.rows - 1u);
}

#entry THREADS {
    let workgroup_row = params.first_row + workgroup * THREADS * $(ROWS)u;
    if (workgroup_row >= params.end_row) {
        return;
    }
    let first_row = workgroup_row + thread;
    let words = (params.rows + 31u) / 32u;
    #for r in 0..ROWS
    let row_$r = first_row + $(r)u * THREADS;
    let trait_$r = traits[min(row_$r, params.rows - 1u)];
    var count_$r = 0u;
    #end
    for (var word = 0u; word < words; word++) {
        #for r in 0..ROWS
        var bits_$r = 0u;
        #end
        for (var part = 0u; part < $(32 / COLUMNS)u; part++) {
            first_other = word * 32u + part * $(COLUMNS)u;
            let tile = tile_distances(thread, first_row, params.rows - 1u, params.quads);
            #for c in 0..COLUMNS
            let other_$c = first_other + $(c)u;
            if (other_$c < params.rows) {
                let trait_other = traits[other_$c];
                let occurs = occurrences[other_$c];
                let bit = 1u << (part * $(COLUMNS)u + $(c)u);
                #for r in 0..ROWS
                let distance_$r = distance_of(tile.of_$(r)_$c, trait_$r, trait_other, params.columns);
                if ((distance_$r <= params.radius) | (other_$c == row_$r)) {
                    bits_$r |= bit;
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
}

// The distances between the rows of a slice and all rows from the first row of the slice on:
//     distances[j − first_row, i] = d(row i, row j)
// for first_row ≤ j < end_row and first_row ≤ i < rows, with the distance d of shaders/lib/row_distance.wgsl. Distances are
// symmetric, so consecutive slices together give those of all pairs.
//
// rows       [rows, quads]                    a quad is four f32 values, padded with zeros, or 64 bits
// traits     [rows]                           the trait of each row (see row_distance)
// distances  [end_row − first_row, rows]      columns before first_row are not written
//
// One workgroup computes a tile of distances. Neighbouring threads write neighbouring columns.
// Cost of a distance: 3 · 4 quads flops, or 6 quads operations with bits. Four bytes are written for each distance.
#import row_distance
#import tile_distances

#params

@group(0) @binding(1) var<storage, read> rows: array<Unit>;
@group(0) @binding(2) var<storage, read> traits: array<f32>;
@group(0) @binding(3) var<storage, read_write> distances: array<f32>;

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
    let tiles = (params.rows - params.first_row + TILE_ROWS - 1u) / TILE_ROWS;
    let line = workgroup;
    let first_other = params.first_row + line / tiles * TILE_COLUMNS;
    if (first_other >= params.end_row) {
        return;
    }
    let first_row = params.first_row + (line % tiles) * TILE_ROWS;
    let tile = tile_distances(thread, first_row, params.rows - 1u, first_other, params.end_row - 1u, params.quads);
    #for r in 0..ROWS
    let row_$r = first_row + $(r)u * ROW_THREADS + row_lane(thread);
    let trait_$r = traits[min(row_$r, params.rows - 1u)];
    #end
    #for c in 0..COLUMNS
    let other_$c = first_other + $(c)u * COLUMN_THREADS + column_lane(thread);
    if (other_$c < params.end_row) {
        let trait_other = traits[other_$c];
        let line_$c = (other_$c - params.first_row) * params.rows;
        #for r in 0..ROWS
        if (row_$r < params.rows) {
            distances[line_$c + row_$r] = distance_of(tile.of_$(r)_$c, trait_$r, trait_other, params.columns);
        }
        #end
    }
    #end
}

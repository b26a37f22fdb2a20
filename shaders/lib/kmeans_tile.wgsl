// Finds the nearest centres of a tile of rows. The kernel imports lib/kmeans_assign and lib/tile_distances, or lib/tile_bits for
// rows packed as bits, before this snippet, and declares the rows.
#if BITS == 0
fn row_quad(at: u32) -> Stored {
    return rows[at];
}

fn other_row(place: u32) -> u32 {
    return place;
}

fn term(difference: vec4<f32>) -> f32 {
    return dot(difference, difference);
}
#end

fn other_quad(at: u32) -> Stored {
    return centers[at];
}

// The nearest centres of the rows of a thread, which are those of TileDistances. Only the threads with column_lane 0 have them.
struct NearestOfTile {
    #for r in 0..ROWS
    of_$r: Nearest,
    #end
}

#if COLUMN_THREADS > 1
// The nearest centre that each thread has found so far for each row. Kept here, it takes no registers while distances are summed.
struct Found {
    distance: f32,
    label: u32,
}

var<workgroup> found: array<array<array<Found, ROW_THREADS>, $ROWS>, COLUMN_THREADS>;
#end

// Returns the nearest centres of the rows of the tile that begins at first_row. Every thread of the workgroup must call it with
// the same arguments, except for `thread`.
fn nearest_of_tile(thread: u32, restart: u32, first_row: u32) -> NearestOfTile {
    let row_lane = row_lane(thread);
    let column_lane = column_lane(thread);
    let first_own = restart * params.clusters;
    let last_center = params.clusters - 1u;
    #if COLUMN_THREADS == 1
    #for r in 0..ROWS
    let key_$r = key_of(first_row + $(r)u * ROW_THREADS + row_lane);
    var nearest_$r = none_yet();
    #end
    #end
    for (var first_center = 0u; first_center < params.clusters; first_center += TILE_COLUMNS) {
        let tile = tile_distances(thread, first_row, params.rows - 1u, first_own + first_center, first_own + last_center, params.quads);
        #if COLUMN_THREADS > 1
        #for r in 0..ROWS
        let key_$r = key_of(first_row + $(r)u * ROW_THREADS + row_lane);
        var nearest_$r = none_yet();
        if (first_center > 0u) {
            let found_$r = found[column_lane][$r][row_lane];
            nearest_$r = nearer(nearest_$r, found_$r.distance, found_$r.label, key_$r);
        }
        #end
        #end
        #for c in 0..COLUMNS
        // Columns past the last centre repeat it.
        let center_$c = min(first_center + $(c)u * COLUMN_THREADS + column_lane, last_center);
        #for r in 0..ROWS
        nearest_$r = nearer(nearest_$r, tile.of_$(r)_$c, center_$c, key_$r);
        #end
        #end
        #if COLUMN_THREADS > 1
        #for r in 0..ROWS
        found[column_lane][$r][row_lane] = Found(nearest_$r.distance, nearest_$r.label);
        #end
        #end
    }
    var tile: NearestOfTile;
    #if COLUMN_THREADS == 1
    #for r in 0..ROWS
    tile.of_$r = nearest_$r;
    #end
    #end
    #if COLUMN_THREADS > 1
    workgroupBarrier();
    #for r in 0..ROWS
    let key_$r = key_of(first_row + $(r)u * ROW_THREADS + row_lane);
    tile.of_$r = none_yet();
    #for t in 0..COLUMN_THREADS
    let found_$(r)_$t = found[$t][$r][row_lane];
    tile.of_$r = nearer(tile.of_$r, found_$(r)_$t.distance, found_$(r)_$t.label, key_$r);
    #end
    #end
    #end
    return tile;
}

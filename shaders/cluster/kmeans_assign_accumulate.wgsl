// Assigns each row to the nearest centre of k-means, and sums the rows of each cluster for each chunk of consecutive rows:
//     labels[r, i] = argmin_j |x_i − centers[r, j]|²
//     partials[r, chunk, j] = ( Σ w_i x_i,  [Σ w_i, Σ w_i distance_i, Σ changed_i, Σ w_i] )
// The sums run over the rows i of the chunk with label j in restart r; changed_i is 1 if the label changed and 0 otherwise. Of
// several equally near centres, the lowest j is taken, or, if TIES_BY_KEY is 1, the one that a hash of row and centre ranks
// first.
//
// rows       [rows, 4 · quads]     x
// weights    [rows]                w; read only if WEIGHTED is 1, otherwise every w_i is 1
// centers    [restarts, clusters, 4 · quads]
// keys       [rows]                a hash of each row, equal for equal rows; read only if TIES_BY_KEY is 1
// states     [restarts]            a finished restart is skipped, unless finished_too is 1
// labels     [restarts, rows]      the previous labels, which are replaced; bit 31 of a new label is set if it changed
// distances  [restarts, rows]      |x_i − centre of the new label|²
// partials   [restarts, chunks, clusters, 4 · (quads + 1)]
// rows, centers and partials are accessed as vec4; the padding of rows and centers is zeros. With WIDE, quads is even, and rows
// and centers are read two vec4 at a time.
//
// One workgroup processes a chunk of $CHUNK rows for one restart: first it assigns them, tile by tile, then it sums them while
// they are still in the caches. For each cluster it marks the rows in bit masks in workgroup memory; a thread sums one vec4
// column of one cluster over the marked rows in order. So the sums are reproducible, and they are short enough to be accurate
// in f32.
// Cost: 3 · 4 quads · rows · clusters · restarts flops, and 4 (quads + 1) · rows · restarts additions. Rows come from memory
// once.
#import stored
#import kmeans_assign
#import tile_distances
#import kmeans_tile

override WEIGHTED: u32 = 0u;

@group(0) @binding(1) var<storage, read> rows: array<Stored>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(8) var<storage, read_write> partials: array<vec4<f32>>;

// Number of clusters that are summed in one pass over the chunk.
const CLUSTERS = 32u;
// Number of words of a mask that has one bit for each row of the chunk.
const WORDS = $(CHUNK / 32)u;

var<workgroup> chunk_labels: array<u32, $CHUNK>;
var<workgroup> chunk_distances: array<f32, $CHUNK>;
// The rows of each cluster of the pass.
var<workgroup> members: array<array<atomic<u32>, WORDS>, CLUSTERS>;

fn weight_of(row: u32) -> f32 {
    if (WEIGHTED == 0u) {
        return 1.0;
    }
    return weights[row];
}

// Marks the members of the clusters from first_cluster on. Every thread of the workgroup must call it.
fn mark_members(thread: u32, rows_of_chunk: u32, first_cluster: u32) {
    // Wait until no thread reads the previous masks any more.
    workgroupBarrier();
    for (var i = thread; i < CLUSTERS * WORDS; i += THREADS) {
        atomicStore(&members[i / WORDS][i % WORDS], 0u);
    }
    workgroupBarrier();
    for (var i = thread; i < rows_of_chunk; i += THREADS) {
        // For clusters below first_cluster the subtraction wraps around to a large number.
        let cluster = (chunk_labels[i] & ~CHANGED) - first_cluster;
        if (cluster < CLUSTERS) {
            atomicOr(&members[cluster][i / 32u], 1u << (i % 32u));
        }
    }
    workgroupBarrier();
}

#entry THREADS {
    let restart = workgroup / params.chunks;
    if (restart >= params.restarts) {
        return;
    }
    let state = states[restart];
    if (is_left_alone(state, params.finished_too)) {
        return;
    }
    let first_row = (workgroup % params.chunks) * $(CHUNK)u;
    let rows_of_chunk = min($(CHUNK)u, params.rows - first_row);
    for (var tile = 0u; tile < rows_of_chunk; tile += TILE_ROWS) {
        let nearest = nearest_of_tile(thread, restart, first_row + tile);
        if (column_lane(thread) == 0u) {
            #for r in 0..ROWS
            let row_$r = tile + $(r)u * ROW_THREADS + row_lane(thread);
            chunk_labels[row_$r] = assign(restart, first_row + row_$r, nearest.of_$r, state);
            chunk_distances[row_$r] = nearest.of_$r.distance;
            #end
        }
    }
    let columns = params.quads + 1u;
    for (var first_cluster = 0u; first_cluster < params.clusters; first_cluster += CLUSTERS) {
        mark_members(thread, rows_of_chunk, first_cluster);
        let clusters = min(CLUSTERS, params.clusters - first_cluster);
        let first_entry = workgroup * params.clusters + first_cluster;
        // With WIDE, a thread sums two columns.
        let units = params.quads / $(PARTS)u;
        for (var item = thread; item < clusters * units; item += THREADS) {
            let cluster = item / units;
            let unit = item % units;
            #for p in 0..PARTS
            var sum_$p = vec4<f32>();
            #end
            for (var word = 0u; word < WORDS; word++) {
                var left = atomicLoad(&members[cluster][word]);
                while (left != 0u) {
                    let row = first_row + 32u * word + firstTrailingBit(left);
                    left &= left - 1u;
                    let weight = weight_of(row);
                    let values = rows[row * units + unit];
                    #for p in 0..PARTS
                    sum_$p += weight * part_$(p)(values);
                    #end
                }
            }
            #for p in 0..PARTS
            partials[(first_entry + cluster) * columns + unit * $(PARTS)u + $(p)u] = sum_$p;
            #end
        }
        for (var cluster = thread; cluster < clusters; cluster += THREADS) {
            var totals = vec4<f32>();
            for (var word = 0u; word < WORDS; word++) {
                var left = atomicLoad(&members[cluster][word]);
                while (left != 0u) {
                    let i = 32u * word + firstTrailingBit(left);
                    left &= left - 1u;
                    let weight = weight_of(first_row + i);
                    totals += vec4<f32>(weight, weight * chunk_distances[i], f32(chunk_labels[i] >> 31u), weight);
                }
            }
            partials[(first_entry + cluster) * columns + params.quads] = totals;
        }
    }
}

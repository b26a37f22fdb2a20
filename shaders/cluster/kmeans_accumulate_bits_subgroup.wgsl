// Sums the rows of each k-means cluster, for rows packed as bits and whole weights, with subgroup operations. This is the first
// half of the update of the centres. A bit b_ic of row i and column c represents the value x_ic = s_c b_ic.
//     partials[r, chunk, j] = ( Σ w_i x_i,  [Σ w_i, 0, Σ changed_i, Σ w_i] )
// The sums are those of kmeans_accumulate, but bits are counted in u32, so that only the conversion to f32 and the multiplication
// by s_c can round. No weight may exceed 2²¹ − 1, so that no count overflows. Σ w_i distance_i is not computed.
//
// A group is 32 consecutive rows; a chunk is 64 consecutive groups.
// planes    [groups, 4 · quads]       bit i of a word is the column's bit of row 32 · group + i
// counts    [digits, groups]          bit i of a word for digit p is binary digit p of the weight of row 32 · group + i
// digits    [chunks]                  number of binary digits of the largest weight in the chunk
// scales    [4 · quads]               s
// labels    [restarts, rows]          bit 31 is set if the label changed
// states    [restarts]                a finished restart is skipped, unless finished_too is 1
// partials  [restarts, chunks, clusters, 4 · (quads + 1)]
// If WEIGHTED is 0, every weight is 1, and counts and digits are not read.
//
// One workgroup is one subgroup of $LANES lanes. It processes a chunk for one restart, 16 clusters at a time. For each group, a
// lane first builds the bit mask of the rows of one cluster. Then it counts, for $VECTORS columns and all 16 clusters, the set
// bits of their rows; the masks are broadcast.
// Cost: 3 operations for each word, cluster, column and weight digit. Labels are read once for every 16 clusters and
// $(VECTORS * LANES) columns.
#import kmeans_bits

const THREADS = $(LANES)u;

@group(0) @binding(1) var<storage, read> planes: array<u32>;
@group(0) @binding(4) var<storage, read> scales: array<f32>;
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;

#entry THREADS {
    let chunk = chunk_at(workgroup);
    if (chunk.restart >= params.restarts) {
        return;
    }
    if (is_left_alone(states[chunk.restart], params.finished_too)) {
        return;
    }
    let columns = 4u * params.quads;
    for (var first_cluster = 0u; first_cluster < params.clusters; first_cluster += 16u) {
        #for v in 0..(16 + LANES - 1) / LANES
        let my_cluster_$v = first_cluster + $(v * LANES)u + thread;
        #end
        for (var first_column = 0u; first_column < columns; first_column += $(VECTORS * LANES)u) {
            #for v in 0..VECTORS
            let column_$v = first_column + $(v * LANES)u + thread;
            let column_at_$v = min(column_$v, columns - 1u);
            #for c in 0..16
            var sum_$(c)_$v = 0u;
            #end
            #end
            #for v in 0..(16 + LANES - 1) / LANES
            var my_weight_$v = 0u;
            var my_changes_$v = 0u;
            #end
            for (var group = chunk.first_group; group < chunk.first_group + chunk.groups; group++) {
                let first_row = 32u * group;
                #for p in 0..(32 + LANES - 1) / LANES
                let my_row_$p = first_row + $(p * LANES)u + thread;
                // Rows past the last one get a label that no cluster has.
                let my_label_$p = select(~CHANGED, labels[chunk.restart * params.rows + min(my_row_$p, params.rows - 1u)], my_row_$p < params.rows);
                #end
                #for v in 0..(16 + LANES - 1) / LANES
                var members_$v = 0u;
                #end
                var changed = 0u;
                #for i in 0..32
                let label_$i = subgroupBroadcast(my_label_$(i / LANES), $(i % LANES)u);
                changed |= (label_$i >> 31u) << $(i)u;
                #for v in 0..(16 + LANES - 1) / LANES
                members_$v |= select(0u, 1u << $(i)u, (label_$i & ~CHANGED) == my_cluster_$v);
                #end
                #end
                #for v in 0..(16 + LANES - 1) / LANES
                my_changes_$v += countOneBits(members_$v & changed);
                #end
                #for v in 0..VECTORS
                let plane_$v = planes[group * columns + column_at_$v];
                #end
                for (var digit = 0u; digit <= chunk.last_digit; digit++) {
                    let weight = counted(digit, group);
                    #for v in 0..VECTORS
                    let bits_$v = plane_$v & weight;
                    #end
                    #for v in 0..(16 + LANES - 1) / LANES
                    my_weight_$v += countOneBits(members_$v & weight) << digit;
                    #end
                    #for c in 0..16
                    let who_$c = subgroupBroadcast(members_$(c / LANES), $(c % LANES)u);
                    #for v in 0..VECTORS
                    sum_$(c)_$v += countOneBits(bits_$v & who_$c) << digit;
                    #end
                    #end
                }
            }
            let first_entry = (chunk.restart * params.chunks + chunk.number) * params.clusters;
            #for v in 0..VECTORS
            if (column_$v < columns) {
                let scale = scales[column_$v];
                #for c in 0..16
                if (first_cluster + $(c)u < params.clusters) {
                    partials[(first_entry + first_cluster + $(c)u) * (columns + 4u) + column_$v] = scale * f32(sum_$(c)_$v);
                }
                #end
            }
            #end
            #for v in 0..(16 + LANES - 1) / LANES
            if ((first_column == 0u) & ($(v * LANES)u + thread < 16u) & (my_cluster_$v < params.clusters)) {
                let at = (first_entry + my_cluster_$v) * (columns + 4u) + columns;
                partials[at] = f32(my_weight_$v);
                partials[at + 1u] = 0.0;
                partials[at + 2u] = f32(my_changes_$v);
                partials[at + 3u] = f32(my_weight_$v);
            }
            #end
        }
    }
}

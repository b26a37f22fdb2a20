// Sums the rows of each k-means cluster, for rows packed as bits and whole weights. This is the first half of the update of the
// centres. A bit b_ic of row i and column c represents the value x_ic = s_c b_ic.
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
// planes, scales and partials are accessed as vec4. If WEIGHTED is 0, every weight is 1, and counts and digits are not read.
//
// One workgroup processes a chunk for one restart, 16 clusters at a time. First each thread marks in workgroup memory which rows
// of one group belong to which cluster. Then each thread counts, for one vec4 column and four clusters, the set bits of their
// rows.
// Cost: 3 operations for each word, cluster, column and weight digit; labels are read clusters / 16 times.
#import kmeans_bits

const THREADS = 64u;

@group(0) @binding(1) var<storage, read> planes: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> scales: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partials: array<vec4<f32>>;

// For each group and each of 16 clusters, a bit mask of the group's rows in the cluster; and a mask of those whose label changed.
var<workgroup> members: array<vec4<u32>, GROUPS * 4u>;
var<workgroup> changed: array<u32, GROUPS>;

// Stores the masks of group number `thread` of the chunk for the 16 clusters from first_cluster on.
fn mark(thread: u32, chunk: Chunk, first_cluster: u32) {
    let first_row = 32u * (chunk.first_group + thread);
    #for m in 0..4
    var members_$m = vec4<u32>();
    #end
    var changed_rows = 0u;
    for (var i = 0u; (i < 32u) & (first_row + i < params.rows); i++) {
        let label = labels[chunk.restart * params.rows + first_row + i];
        // For clusters below first_cluster the subtraction wraps around to a large number, which matches none of the 16.
        let cluster = vec4<u32>((label & ~CHANGED) - first_cluster);
        let bit = vec4<u32>(1u << i);
        #for m in 0..4
        members_$m |= select(vec4<u32>(), bit, cluster == vec4<u32>($(4 * m)u, $(4 * m + 1)u, $(4 * m + 2)u, $(4 * m + 3)u));
        #end
        changed_rows |= (label >> 31u) << i;
    }
    // Wait until no thread reads the previous masks any more.
    workgroupBarrier();
    #for m in 0..4
    members[4u * thread + $(m)u] = members_$m;
    #end
    changed[thread] = changed_rows;
    workgroupBarrier();
}

#entry THREADS {
    let chunk = chunk_at(workgroup);
    if (chunk.restart >= params.restarts) {
        return;
    }
    if (is_left_alone(states[chunk.restart], params.finished_too)) {
        return;
    }
    let columns = params.quads + 1u;
    for (var first_cluster = 0u; first_cluster < params.clusters; first_cluster += 16u) {
        mark(thread, chunk, first_cluster);
        let quarters = min(4u, (params.clusters - first_cluster + 3u) / 4u);
        // The column of totals comes last. Its code differs, so this order leaves few threads idle while it runs.
        for (var item = thread; item < quarters * columns; item += THREADS) {
            let column = item / quarters;
            let quarter = item % quarters;
            #for m in 0..4
            var sum_$m = vec4<u32>();
            #end
            for (var digit = 0u; digit <= chunk.last_digit; digit++) {
                if (column < params.quads) {
                    for (var g = 0u; g < chunk.groups; g++) {
                        let bits = planes[(chunk.first_group + g) * params.quads + column] & vec4<u32>(counted(digit, chunk.first_group + g));
                        let who = members[4u * g + quarter];
                        #for m in 0..4
                        sum_$m += countOneBits(bits & vec4<u32>(who[$m])) << vec4<u32>(digit);
                        #end
                    }
                } else {
                    for (var g = 0u; g < chunk.groups; g++) {
                        let weight = counted(digit, chunk.first_group + g);
                        let changes = select(0u, changed[g], digit == 0u);
                        let who = members[4u * g + quarter];
                        #for m in 0..4
                        let weight_$m = countOneBits(weight & who[$m]) << digit;
                        sum_$m += vec4<u32>(weight_$m, 0u, countOneBits(changes & who[$m]), weight_$m);
                        #end
                    }
                }
            }
            var scale = vec4<f32>(1.0);
            if (column < params.quads) {
                scale = scales[column];
            }
            #for m in 0..4
            let cluster_$m = first_cluster + 4u * quarter + $(m)u;
            if (cluster_$m < params.clusters) {
                let at_$m = ((chunk.restart * params.chunks + chunk.number) * params.clusters + cluster_$m) * columns + column;
                partials[at_$m] = scale * vec4<f32>(sum_$m);
            }
            #end
        }
    }
}

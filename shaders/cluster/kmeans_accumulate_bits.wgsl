// k-means, first half of the update for rows of bits, b_i, that stand for x_ic = s_c b_ic, with whole weights:
//     partial[r, chunk, j] = ( Σ w_i x_i,  [Σ w_i, 0, Σ changed_i, Σ w_i] )   over the rows of the chunk with label j
// as kmeans_accumulate, but exactly and without Σ w_i distance_i.
//
// planes    [groups, 4 · quads]       bit i of a word: b of row 32 · group + i in a column; groups of 32 rows
// counts    [planes, groups]          bit i of a word of plane p: binary digit p of the weight of row 32 · group + i
// digits    [chunks]                  binary digits of the largest weight of a chunk; rows in the order of their weights have few
// scales    [4 · quads]               s
// labels    [restarts, rows]          bit 31 says that the label changed
// states    [restarts]                a restart that has finished is left alone, unless finished_too is 1
// partials  [restarts, chunks, clusters, 4 · (quads + 1)]
// Planes, scales and partials are read as vec4. Where WEIGHTED is 0 every weight is 1, and counts and digits are not read.
//
// One workgroup does a chunk of 64 groups for one restart, 16 clusters at a time: every thread marks in workgroup memory which rows of a
// group are in which cluster, then owns a vec4 column of four clusters and counts the bits that they have in common.
// Cost: 3 operations a word, cluster, column and digit of the weights; labels are read clusters / 16 times.
#import dispatch
#import kmeans_bits

const THREADS = 64u;

@group(0) @binding(1) var<storage, read> planes: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> scales: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> partials: array<vec4<f32>>;

// For each group and four clusters, which rows are in them; and whose label changed.
var<workgroup> members: array<vec4<u32>, GROUPS * 4u>;
var<workgroup> changed: array<u32, GROUPS>;

// Marks the rows of group `thread` of the chunk that are in the 16 clusters from first_cluster.
fn mark(thread: u32, chunk: Chunk, first_cluster: u32) {
    let first_row = 32u * (chunk.first_group + thread);
    #for m in 0..4
    var members_$m = vec4<u32>();
    #end
    var changed_rows = 0u;
    for (var i = 0u; (i < 32u) & (first_row + i < params.rows); i++) {
        let label = labels[chunk.restart * params.rows + first_row + i];
        // Clusters before the first wrap round and are far behind the last.
        let cluster = vec4<u32>((label & ~CHANGED) - first_cluster);
        let bit = vec4<u32>(1u << i);
        #for m in 0..4
        members_$m |= select(vec4<u32>(), bit, cluster == vec4<u32>($(4 * m)u, $(4 * m + 1)u, $(4 * m + 2)u, $(4 * m + 3)u));
        #end
        changed_rows |= (label >> 31u) << i;
    }
    // The threads may still read those before.
    workgroupBarrier();
    #for m in 0..4
    members[4u * thread + $(m)u] = members_$m;
    #end
    changed[thread] = changed_rows;
    workgroupBarrier();
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let chunk = chunk_at(linear_workgroup(workgroup, grid));
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
        // The last column comes last, so that few threads wait for those that own it.
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

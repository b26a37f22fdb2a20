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
// Without BROADCAST planes, scales and partials are read as vec4. Where WEIGHTED is 0 every weight is 1, and counts and digits
// are not read.
//
// One workgroup does a chunk of 64 groups for one restart, 16 clusters at a time: it marks which rows of a group are in which
// cluster, then counts the bits that a column and a cluster have in common. With BROADCAST it is one subgroup, of which a lane owns
// a cluster while it marks and several columns of all clusters while it counts. Without, every thread marks a group in workgroup
// memory, then owns a vec4 column of four clusters.
// Cost: 3 operations a word, cluster, column and digit of the weights; labels are read clusters / 16 times.
#import dispatch
#import restart_state

struct Params {
    rows: u32,
    quads: u32,
    clusters: u32,
    restarts: u32,
    chunks: u32,
    finished_too: u32,
}

override WEIGHTED: u32 = 0u;

#if BROADCAST
const THREADS = $(LANES)u;
#end
#if BROADCAST == 0
const THREADS = 64u;
#end
const GROUPS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
#if BROADCAST
@group(0) @binding(1) var<storage, read> planes: array<u32>;
#end
#if BROADCAST == 0
@group(0) @binding(1) var<storage, read> planes: array<vec4<u32>>;
#end
@group(0) @binding(2) var<storage, read> counts: array<u32>;
@group(0) @binding(3) var<storage, read> digits: array<u32>;
#if BROADCAST
@group(0) @binding(4) var<storage, read> scales: array<f32>;
#end
#if BROADCAST == 0
@group(0) @binding(4) var<storage, read> scales: array<vec4<f32>>;
#end
@group(0) @binding(5) var<storage, read> labels: array<u32>;
@group(0) @binding(6) var<storage, read> states: array<RestartState>;
#if BROADCAST
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;
#end
#if BROADCAST == 0
@group(0) @binding(7) var<storage, read_write> partials: array<vec4<f32>>;
#end

// Which rows of a group have a digit of their weight set.
fn counted(digit: u32, group: u32) -> u32 {
    if (WEIGHTED == 0u) {
        return 0xffffffffu;
    }
    return counts[digit * ((params.rows + 31u) / 32u) + group];
}

#if BROADCAST == 0
// For each group and four clusters, which rows are in them; and whose label changed.
var<workgroup> members: array<vec4<u32>, GROUPS * 4u>;
var<workgroup> changed: array<u32, GROUPS>;

// Marks the rows of group `chunk` · GROUPS + `thread` that are in the 16 clusters from first_cluster.
fn mark(thread: u32, restart: u32, chunk: u32, first_cluster: u32) {
    let first_row = 32u * (chunk * GROUPS + thread);
    #for m in 0..4
    var members_$m = vec4<u32>();
    #end
    var changed_rows = 0u;
    for (var i = 0u; (i < 32u) & (first_row + i < params.rows); i++) {
        let label = labels[restart * params.rows + first_row + i];
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
#end

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let line = linear_workgroup(workgroup, grid);
    let restart = line / params.chunks;
    let chunk = line % params.chunks;
    if (restart >= params.restarts) {
        return;
    }
    if (states[restart].finished != 0u && params.finished_too == 0u) {
        return;
    }
    let all_groups = (params.rows + 31u) / 32u;
    let first_group = chunk * GROUPS;
    let groups = min(GROUPS, all_groups - first_group);
    var last_digit = 0u;
    if (WEIGHTED == 1u) {
        last_digit = max(digits[chunk], 1u) - 1u;
    }
    #if BROADCAST
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
            for (var group = first_group; group < first_group + groups; group++) {
                let first_row = 32u * group;
                #for p in 0..(32 + LANES - 1) / LANES
                let my_row_$p = first_row + $(p * LANES)u + thread;
                // Past the last row stands a label that no cluster has.
                let my_label_$p = select(~CHANGED, labels[restart * params.rows + min(my_row_$p, params.rows - 1u)], my_row_$p < params.rows);
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
                for (var digit = 0u; digit <= last_digit; digit++) {
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
            let first_entry = (restart * params.chunks + chunk) * params.clusters;
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
    #end
    #if BROADCAST == 0
    let columns = params.quads + 1u;
    for (var first_cluster = 0u; first_cluster < params.clusters; first_cluster += 16u) {
        mark(thread, restart, chunk, first_cluster);
        let quarters = min(4u, (params.clusters - first_cluster + 3u) / 4u);
        // The last column comes last, so that few threads wait for those that own it.
        for (var item = thread; item < quarters * columns; item += THREADS) {
            let column = item / quarters;
            let quarter = item % quarters;
            #for m in 0..4
            var sum_$m = vec4<u32>();
            #end
            for (var digit = 0u; digit <= last_digit; digit++) {
                if (column < params.quads) {
                    for (var g = 0u; g < groups; g++) {
                        let bits = planes[(first_group + g) * params.quads + column] & vec4<u32>(counted(digit, first_group + g));
                        let who = members[4u * g + quarter];
                        #for m in 0..4
                        sum_$m += countOneBits(bits & vec4<u32>(who[$m])) << vec4<u32>(digit);
                        #end
                    }
                } else {
                    for (var g = 0u; g < groups; g++) {
                        let weight = counted(digit, first_group + g);
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
                let at_$m = ((restart * params.chunks + chunk) * params.clusters + cluster_$m) * columns + column;
                partials[at_$m] = scale * vec4<f32>(sum_$m);
            }
            #end
        }
    }
    #end
}

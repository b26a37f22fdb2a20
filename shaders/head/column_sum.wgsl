// Sums of columns, which are the gradient of a bias:  y[c] = Σ_m x[m, c]
//
// x  [rows, channels]
// y  [parts, channels]   sum_of_parts adds the parts
// channels is a multiple of four; both arrays are read as vec4.
//
// One workgroup sums four column quads of a part with sixteen threads per quad. A thread adds every sixteenth row in runs of 64.
// Cost: one addition and one load per element.
#import row_parts
#import tree_sum

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    if (!part_exists(workgroup, params.rows, params.channels, params.rows_a_part)) {
        return;
    }
    let share = share_of(workgroup, thread, params.rows, params.channels, params.rows_a_part);
    var sum = vec4<f32>();
    for (var start = share.first_row + share.lane; start < share.end_row; start += 1024u) {
        let end = min(start + 1024u, share.end_row);
        var run = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            run += x[row * quads + share.quad];
        }
        sum += run;
    }
    let total = tree_sum(thread, 4u, sum);
    if (share.stores) {
        y[share.part * quads + share.quad] = total;
    }
}

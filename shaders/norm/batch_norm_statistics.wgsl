// Batch statistics of each part of the rows:
//   mean[p, c] = Σ_m x[m, c] / rows of the part,  variance[p, c] = Σ_m (x[m, c] − mean[p, c])² / rows of the part
//
// x         [rows, channels]      rows = batch, or batch · height · width
// of_parts  [parts, 2, channels]  mean, then biased variance, of each part; batch_norm_combine combines the parts
// channels is a multiple of four; both arrays are read as vec4.
//
// One workgroup processes four quads (of four channels) of one part, with sixteen threads per quad. Each thread adds every
// sixteenth row, in runs of 64 rows, and loads four of them at a time.
// The kernel reads x once. It sums deviations from an origin o, so that mean = o + Σ (x − o) / rows and
// variance = Σ (x − o)² / rows − (Σ (x − o) / rows)². The origin is the mean of the first sixteen rows. It lies close enough to
// the mean of the part that little cancels in the variance; a single row could be an outlier.
// Cost: one load and five flops per element.
#import row_parts
#import tree_sum

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> of_parts: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    if (!part_exists(workgroup, params.rows, params.channels, params.rows_a_part)) {
        return;
    }
    let share = share_of(workgroup, thread, params.rows, params.channels, params.rows_a_part);
    let quad = share.quad;
    let rows = f32(share.end_row - share.first_row);

    var sample = vec4<f32>();
    if (share.first_row + share.lane < share.end_row) {
        sample = x[(share.first_row + share.lane) * quads + quad];
    }
    let origin = tree_sum(thread, 4u, sample) / min(rows, 16.0);

    var sum = vec4<f32>();
    var squares = vec4<f32>();
    for (var start = share.first_row + share.lane; start < share.end_row; start += 1024u) {
        let end = min(start + 1024u, share.end_row);
        var run = vec4<f32>();
        var run_of_squares = vec4<f32>();
        var row = start;
        for (; row + 48u < end; row += 64u) {
            let at = row * quads + quad;
            #for k in 0..4
            let distance_$k = x[at + $(16 * k)u * quads] - origin;
            #end
            #for k in 0..4
            run += distance_$k;
            run_of_squares += distance_$k * distance_$k;
            #end
        }
        for (; row < end; row += 16u) {
            let distance = x[row * quads + quad] - origin;
            run += distance;
            run_of_squares += distance * distance;
        }
        sum += run;
        squares += run_of_squares;
    }
    let shift = tree_sum(thread, 4u, sum) / rows;
    let spread = max(tree_sum(thread, 4u, squares) / rows - shift * shift, vec4<f32>());

    if (share.stores) {
        of_parts[2u * share.part * quads + quad] = origin + shift;
        of_parts[(2u * share.part + 1u) * quads + quad] = spread;
    }
}

// Batch statistics of parts of the rows, m from p · rows_a_part up to (p + 1) · rows_a_part:
//   mean[p, c] = Σ_m x[m, c] / rows of the part,  variance[p, c] = Σ_m (x[m, c] − mean[p, c])² / rows of the part
//
// x         [rows, channels]      rows = batch, or batch · height · width
// of_parts  [parts, 2, channels]  mean, then biased variance
// channels is a multiple of four; every array is read as vec4. batch_norm_combine makes those of all rows from them.
//
// One workgroup takes four column quads of a part, sixteen threads a quad; a thread adds up every sixteenth row in runs of 64.
// Sums are of deviations from the part's first row, which lies among its values: so a large mean cancels in neither.
// Cost: one load and four flops an element.
#import dispatch
#import row_part
#import tree_sum

struct Params {
    rows: u32,
    channels: u32,
    rows_a_part: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> of_parts: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let at = row_part(linear_workgroup(workgroup, grid), thread, params.rows, params.rows_a_part, quads);
    if (!at.exists) {
        return;
    }
    let origin = x[at.first_row * quads + at.quad];
    var sum = vec4<f32>();
    var squares = vec4<f32>();
    for (var start = at.first_row + at.lane; start < at.end_row; start += 1024u) {
        let end = min(start + 1024u, at.end_row);
        var run = vec4<f32>();
        var run_of_squares = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            let deviation = x[row * quads + at.quad] - origin;
            run += deviation;
            run_of_squares += deviation * deviation;
        }
        sum += run;
        squares += run_of_squares;
    }
    let rows = f32(at.end_row - at.first_row);
    let shift = tree_sum(thread, 4u, sum) / rows;
    let spread = max(tree_sum(thread, 4u, squares) / rows - shift * shift, vec4<f32>());
    if (at.stores) {
        of_parts[2u * at.part * quads + at.quad] = origin + shift;
        of_parts[(2u * at.part + 1u) * quads + at.quad] = spread;
    }
}

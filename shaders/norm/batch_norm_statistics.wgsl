// Batch statistics of parts of the rows, m from p · rows_a_part up to (p + 1) · rows_a_part:
//   mean[p, c] = Σ_m x[m, c] / rows of the part,  variance[p, c] = Σ_m (x[m, c] − mean[p, c])² / rows of the part
//
// x         [rows, channels]   rows = batch, or batch · height · width
// mean      [parts, channels]
// variance  [parts, channels]  biased
// channels is a multiple of four; every array is read as vec4. batch_norm_combine makes those of all rows from them.
//
// One workgroup takes four column quads of a part, sixteen threads a quad; a thread adds up every sixteenth row in runs of 64.
// The variance comes from a second pass over the part, which also repairs what rounding lost of the mean.
// Cost: two reads of x, the second from a cache where a part fits it; five flops an element.
#import dispatch
#import tree_sum

struct Params {
    rows: u32,
    channels: u32,
    rows_a_part: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> mean: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> variance: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let groups = (quads + 3u) / 4u;
    let index = linear_workgroup(workgroup, grid);
    let first = (index % groups) * 4u;
    let part = index / groups;
    let first_row = part * params.rows_a_part;
    let end_row = min(first_row + params.rows_a_part, params.rows);
    if (first_row >= params.rows) {
        return;
    }
    let quad = min(first + thread % 4u, quads - 1u);
    let lane = thread / 4u;
    let rows = f32(end_row - first_row);

    var sum = vec4<f32>();
    for (var start = first_row + lane; start < end_row; start += 1024u) {
        let end = min(start + 1024u, end_row);
        var run = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            run += x[row * quads + quad];
        }
        sum += run;
    }
    let rough = tree_sum(thread, 4u, sum) / rows;

    var rest = vec4<f32>();
    var squares = vec4<f32>();
    for (var start = first_row + lane; start < end_row; start += 1024u) {
        let end = min(start + 1024u, end_row);
        var run = vec4<f32>();
        var run_of_squares = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            let deviation = x[row * quads + quad] - rough;
            run += deviation;
            run_of_squares += deviation * deviation;
        }
        rest += run;
        squares += run_of_squares;
    }
    let shift = tree_sum(thread, 4u, rest) / rows;
    let spread = max(tree_sum(thread, 4u, squares) / rows - shift * shift, vec4<f32>());

    if (lane == 0u && first + thread < quads) {
        mean[part * quads + quad] = rough + shift;
        variance[part * quads + quad] = spread;
    }
}

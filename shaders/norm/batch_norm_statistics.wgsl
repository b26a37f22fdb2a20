// Batch statistics:  mean[c] = Σ_m x[m, c] / rows,  variance[c] = Σ_m (x[m, c] − mean[c])² / rows
// Running ones:      r[c] = momentum · r[c] + (1 − momentum) · batch[c],  the variance first times `correction`
//
// x                 [rows, channels]   rows = batch, or batch · height · width
// mean              [channels]
// variance          [channels]         biased
// running_mean      [channels]         updated
// running_variance  [channels]         updated
// channels is a multiple of four; every array is read as vec4.
//
// One workgroup takes four column quads, sixteen threads a quad; a thread adds up every sixteenth row in runs of 64.
// The variance comes from a second pass over x, which also repairs what rounding lost of the mean.
// Cost: two reads of x, five flops an element.
#import dispatch
#import tree_sum

struct Params {
    rows: u32,
    channels: u32,
    momentum: f32,
    correction: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> mean: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> variance: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let first = linear_workgroup(workgroup, grid) * 4u;
    if (first >= quads) {
        return;
    }
    let quad = min(first + thread % 4u, quads - 1u);
    let lane = thread / 4u;
    let rows = f32(params.rows);

    var sum = vec4<f32>();
    for (var start = lane; start < params.rows; start += 1024u) {
        let end = min(start + 1024u, params.rows);
        var run = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            run += x[row * quads + quad];
        }
        sum += run;
    }
    let rough = tree_sum(thread, 4u, sum) / rows;

    var rest = vec4<f32>();
    var squares = vec4<f32>();
    for (var start = lane; start < params.rows; start += 1024u) {
        let end = min(start + 1024u, params.rows);
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
        let centre = rough + shift;
        mean[quad] = centre;
        variance[quad] = spread;
        let weight = 1.0 - params.momentum;
        running_mean[quad] = params.momentum * running_mean[quad] + weight * centre;
        running_variance[quad] = params.momentum * running_variance[quad] + weight * params.correction * spread;
    }
}

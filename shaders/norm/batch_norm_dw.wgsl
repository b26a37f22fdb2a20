// Gradients of batch norm by its weights, and through the ReLU6 that may follow it:
//   dgamma[c] = Σ_m g[m, c] x̂[m, c],  dbeta[c] = Σ_m g[m, c]
// with x̂ = (x − mean) / √(variance + epsilon), and g = gy, or where RELU6 is 1 what ReLU6 lets through of it
//
// gy          [rows, channels]      gradient of the loss by y
// x           [rows, channels]      what was normalised
// statistics  [2, channels]         what it was normalised with: mean, then variance
// affine      [2, channels]         gamma, then beta
// gradients   [parts, 2, channels]  dgamma, then dbeta; part p sums rows p · rows_a_part up to (p + 1) · rows_a_part, sum_of_parts
//                                   adds them up
// channels is a multiple of four; every array is read as vec4.
//
// One workgroup takes four column quads of a part, sixteen threads a quad; a thread adds up every sixteenth row in runs of 64.
// Cost: five flops and two loads an element.
#import dispatch
#import row_part
#import tree_sum
#import normalise
#import relu6_gate

struct Params {
    rows: u32,
    channels: u32,
    epsilon: f32,
    rows_a_part: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> gradients: array<vec4<f32>>;

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
    let vectors = channel(at.quad, quads, params.epsilon);
    var sum = vec4<f32>();
    var sum_of_products = vec4<f32>();
    for (var start = at.first_row + at.lane; start < at.end_row; start += 1024u) {
        let end = min(start + 1024u, at.end_row);
        var run = vec4<f32>();
        var run_of_products = vec4<f32>();
        for (var row = start; row < end; row += 16u) {
            let value = x[row * quads + at.quad];
            let gradient = gate(gy[row * quads + at.quad], normalise(vectors, value));
            run += gradient;
            run_of_products += gradient * (value - vectors.mean);
        }
        sum += run;
        sum_of_products += run_of_products;
    }
    let gradient_of_beta = tree_sum(thread, 4u, sum);
    let gradient_of_gamma = tree_sum(thread, 4u, sum_of_products) / vectors.deviation;
    if (at.stores) {
        gradients[2u * at.part * quads + at.quad] = gradient_of_gamma;
        gradients[(2u * at.part + 1u) * quads + at.quad] = gradient_of_beta;
    }
}

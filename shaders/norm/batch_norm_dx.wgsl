// Gradient of batch norm by its input, and through the ReLU6 that may follow it
// in training, through the batch statistics:  dx = gamma / √(variance + epsilon) · (g − dbeta / all_rows − x̂ · dgamma / all_rows)
// in inference, the statistics are constants:  dx = gamma / √(variance + epsilon) · g
// with x̂ = (x − mean) / √(variance + epsilon), and g = gy, or where RELU6 is 1 what ReLU6 lets through of it
//
// gy          [rows, channels]   gradient of the loss by y
// x           [rows, channels]   what was normalised
// statistics  [2, channels]      what it was normalised with: mean, then variance
// affine      [2, channels]      gamma, then beta
// gradients   [2, channels]      dgamma, then dbeta, of all_rows, of which `rows` are computed here
// dx          [rows, channels]
// channels is a multiple of four; every array is read as vec4.
//
// One thread computes four channels of $ROWS rows; neighbouring threads read neighbouring channels.
// Cost: five flops, two loads and one store an element in training; one flop and one load in inference.
#import dispatch
#import normalise
#import relu6_gate

struct Params {
    rows: u32,
    channels: u32,
    epsilon: f32,
    all_rows: u32,
}

override TRAINING: u32 = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let index = linear_workgroup(workgroup, grid) * 64u + thread;
    let quad = index % quads;
    let first_row = (index / quads) * $(ROWS)u;
    if (first_row >= params.rows) {
        return;
    }
    let vectors = channel(quad, quads, params.epsilon);
    let through_mean = gradients[quads + quad] / f32(params.all_rows);
    let through_deviation = gradients[quad] / vectors.deviation / f32(params.all_rows);
    #for r in 0..ROWS
    if (first_row + $(r)u < params.rows) {
        let at_$r = (first_row + $(r)u) * quads + quad;
        let value_$r = x[at_$r];
        var gradient_$r = gate(gy[at_$r], normalise(vectors, value_$r));
        if (TRAINING == 1u) {
            gradient_$r -= through_mean + (value_$r - vectors.mean) * through_deviation;
        }
        dx[at_$r] = vectors.scale * gradient_$r;
    }
    #end
}

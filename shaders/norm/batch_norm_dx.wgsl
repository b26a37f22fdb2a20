// Gradient of batch norm by its input
// in training, through the batch statistics:  dx = gamma / √(variance + epsilon) · (gy − dbeta / rows − x̂ · dgamma / rows)
// in inference, the statistics are constants:  dx = gamma / √(variance + epsilon) · gy
// with x̂ = (x − mean) / √(variance + epsilon)
//
// gy        [rows, channels]   gradient of the loss by y
// x         [rows, channels]   what was normalised
// mean      [channels]         the statistics it was normalised with
// variance  [channels]
// gamma     [channels]
// dgamma    [channels]         from batch_norm_dw; so dbeta
// dbeta     [channels]
// dx        [rows, channels]
// channels is a multiple of four; every array is read as vec4.
//
// One thread computes four channels of a row; neighbouring threads read neighbouring channels.
// Cost: eight flops, two loads and one store an element in training; half in inference.
#import dispatch

struct Params {
    rows: u32,
    channels: u32,
    epsilon: f32,
}

override TRAINING: u32 = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> dgamma: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> dbeta: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let index = linear_workgroup(workgroup, grid) * 64u + thread;
    if (index >= params.rows * quads) {
        return;
    }
    let quad = index % quads;
    let deviation = sqrt(variance[quad] + params.epsilon);
    var gradient = gy[index];
    if (TRAINING == 1u) {
        let normalised = (x[index] - mean[quad]) / deviation;
        gradient -= (dbeta[quad] + normalised * dgamma[quad]) / f32(params.rows);
    }
    dx[index] = gamma[quad] / deviation * gradient;
}

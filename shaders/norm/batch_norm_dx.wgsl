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
// One thread computes four channels of $ROWS rows; neighbouring threads read neighbouring channels.
// Cost: five flops, two loads and one store an element in training; one flop and one load in inference.
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
    let quad = index % quads;
    let first_row = (index / quads) * $(ROWS)u;
    if (first_row >= params.rows) {
        return;
    }
    let deviation = sqrt(variance[quad] + params.epsilon);
    let scale = gamma[quad] / deviation;
    let centre = mean[quad];
    let through_mean = dbeta[quad] / f32(params.rows);
    let through_deviation = dgamma[quad] / deviation / f32(params.rows);
    #for r in 0..ROWS
    if (first_row + $(r)u < params.rows) {
        let at_$r = (first_row + $(r)u) * quads + quad;
        var gradient_$r = gy[at_$r];
        if (TRAINING == 1u) {
            gradient_$r -= through_mean + (x[at_$r] - centre) * through_deviation;
        }
        dx[at_$r] = scale * gradient_$r;
    }
    #end
}

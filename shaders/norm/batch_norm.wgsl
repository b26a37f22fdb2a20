// Batch norm and an activation:  y[m, c] = activate(gamma[c] (x[m, c] − mean[c]) / √(variance[c] + epsilon) + beta[c])
//
// x         [rows, channels]   rows = batch, or batch · height · width
// mean      [channels]         of the batch in training, the running one in inference; so the variance
// variance  [channels]
// gamma     [channels]
// beta      [channels]
// y         [rows, channels]
// channels is a multiple of four; every array is read as vec4.
//
// One thread computes four channels of $ROWS rows; neighbouring threads read neighbouring channels.
// Cost: four flops, one load and one store an element; the statistics are loaded once for $ROWS rows.
#import dispatch
#import activation

struct Params {
    rows: u32,
    channels: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mean: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> variance: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> gamma: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> beta: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

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
    let scale = gamma[quad] / sqrt(variance[quad] + params.epsilon);
    let centre = mean[quad];
    let offset = beta[quad];
    #for r in 0..ROWS
    if (first_row + $(r)u < params.rows) {
        let at_$r = (first_row + $(r)u) * quads + quad;
        y[at_$r] = activate((x[at_$r] - centre) * scale + offset);
    }
    #end
}

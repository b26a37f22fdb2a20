// Global average pool:  y[b, c] = (1 / positions) Σ_p x[b, p, c]
//
// x  [batch, positions, channels]   positions = height · width
// y  [batch, channels]
// channels is a multiple of four; both arrays are read as vec4; x is f16 where $HALF is 1.
//
// One thread averages four channels of one image; neighbouring threads read neighbouring channels.
// Cost: one addition and one load an input.
#import stored
#import dispatch

struct Params {
    batch: u32,
    positions: u32,
    channels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let quads = params.channels / 4u;
    let index = linear_workgroup(workgroup, grid) * 64u + thread;
    let batch = index / quads;
    if (batch >= params.batch) {
        return;
    }
    var at = batch * params.positions * quads + index % quads;
    var sum = vec4<f32>();
    for (var p = 0u; p < params.positions; p++) {
        sum += vec4<f32>(x[at]);
        at += quads;
    }
    y[index] = sum / f32(params.positions);
}

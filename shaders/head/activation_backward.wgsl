// Gradient of an activation by its input, from its output:  dx[i] = gy[i] · f′(y[i])
// f′ is 1 where y > 0 for ReLU, 1 where 0 < y < 6 for ReLU6 (0 at both knees), y (1 − y) for the sigmoid
//
// gy  [rows, channels]   gradient of the loss by y
// y   [rows, channels]   the activation's output
// dx  [rows, channels]
// Every array is read as vectors of four, of which there are `quads`.
//
// One thread computes four elements. Cost: at most three flops, two loads and one store an element.
#import dispatch

struct Params {
    quads: u32,
}

// 0 none, 1 ReLU, 2 ReLU6, 3 sigmoid, as in shaders/lib/activation.wgsl.
override ACTIVATION: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

fn gradient(upstream: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    let zero = vec4<f32>();
    switch ACTIVATION {
        case 1u: { return select(zero, upstream, value > zero); }
        case 2u: { return select(zero, upstream, (value > zero) & (value < vec4<f32>(6.0))); }
        case 3u: { return upstream * value * (1.0 - value); }
        default: { return upstream; }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = linear_workgroup(workgroup, grid) * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    dx[index] = gradient(gy[index], y[index]);
}

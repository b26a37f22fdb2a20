// Sum, element by element:  y[i] = a[i] + b[i].  Both gradients are gy itself.
//
// a  [rows, channels]
// b  [rows, channels]
// y  [rows, channels]
// Every array is read as vectors of four, of which there are `quads`.
//
// One thread computes four elements. Cost: one flop, two loads and one store an element.
#import dispatch

struct Params {
    quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

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
    y[index] = a[index] + b[index];
}

// Activation, element by element:  y[i] = activate(x[i])
//
// x  [rows, channels]
// y  [rows, channels]
// Both arrays are read as vectors of four, of which there are `quads`.
//
// One thread computes four elements. Cost: one load and one store an element.
#import dispatch
#import activate

struct Params {
    quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

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
    y[index] = activate(x[index]);
}

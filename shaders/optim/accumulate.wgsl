// Gradients of the parts of a batch, added up:  sum[i] = kept · sum[i] + weight · gradient[i]
//
// gradient  [parameters]   mean over the samples of a part
// sum       [parameters]   updated; with kept = 0 what it held before does not matter
// Every array is read as vectors of four, of which there are `quads`.
//
// One thread computes four elements. Cost: three flops, two loads and one store an element.
#import dispatch

struct Params {
    quads: u32,
    kept: f32,
    weight: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> sum: array<vec4<f32>>;

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
    var before = vec4<f32>();
    if (params.kept != 0.0) {
        before = params.kept * sum[index];
    }
    sum[index] = before + params.weight * gradient[index];
}

// The adapter's multiply-add ceiling:  y[i] = Σ_j a_j after $UNROLL · rounds times  a_j ← a_j · factor + addend,  from a_j = x[i] + j
//
// x  [vectors, 4]
// y  [vectors, 4]
//
// One thread keeps $ACCUMULATORS vectors of four in registers, which do not wait for each other; a workgroup is 64 neighbouring threads.
// Cost: $(8 * ACCUMULATORS * UNROLL) · rounds flops a thread, and next to no memory.
#import dispatch

struct Params {
    vectors: u32,
    rounds: u32,
    factor: f32,
    addend: f32,
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
    if (index >= params.vectors) {
        return;
    }
    let factor = vec4<f32>(params.factor);
    let addend = vec4<f32>(params.addend);
    #for j in 0..ACCUMULATORS
    var a_$j = x[index] + $(j).0;
    #end
    for (var round = 0u; round < params.rounds; round++) {
        #for u in 0..UNROLL
        #for j in 0..ACCUMULATORS
        a_$j = a_$j * factor + addend;
        #end
        #end
    }
    var sum = vec4<f32>();
    #for j in 0..ACCUMULATORS
    sum += a_$j;
    #end
    y[index] = sum;
}

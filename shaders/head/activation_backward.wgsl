// Input gradient of an activation y = f(x):  dx[i] = gy[i] · f′(x[i])
//
// gy     [rows, channels]   gradient of the loss with respect to y
// basis  [rows, channels]   y, or x for an activation whose derivative is computed from x; see shaders/lib/activation.wgsl
// dx     [rows, channels]
// Each array is read as `quads` vectors of four.
//
// One thread computes four elements. Cost per element: a few flops, two loads and one store.
#import activation

#params

override ACTIVATION: u32 = 0u;

@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> basis: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    dx[index] = activation_gradient(ACTIVATION, gy[index], basis[index]);
}

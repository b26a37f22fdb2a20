// Sum, element by element:  y[i] = a[i] + b[i].  The gradients with respect to a and b are both gy.
//
// a  [rows, channels]
// b  [rows, channels]
// y  [rows, channels]
// Each array is read as `quads` vectors of four.
//
// One thread computes four elements. Cost: one flop, two loads and one store per element.

#params

@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    y[index] = a[index] + b[index];
}

// Activation, element by element:  y[i] = activate(x[i])
//
// x  [rows, channels]
// y  [rows, channels]
// Each array is read as `quads` vectors of four.
//
// One thread computes four elements. Cost: one load and one store per element.
#import activate

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    y[index] = activate(x[index]);
}

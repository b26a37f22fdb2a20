// Adds a tensor that is enlarged to twice its height and width by repeating its pixels:
//   y[b, i, j, c] = a[b, i, j, c] + x[b, ⌊i / 2⌋, ⌊j / 2⌋, c]
//
// a  [batch, height, width, channels]          height and width are even
// x  [batch, height / 2, width / 2, channels]
// y  [batch, height, width, channels]
// channels is a multiple of four; all arrays are read as vec4.
//
// One thread computes four channels of one pixel. Neighbouring threads read neighbouring channels.
// Cost: one addition, two loads and one store per output.

#params

@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let index = workgroup * 64u + thread;
    let position = index / quads;
    // The height is even, so the rows of all images can be halved together.
    let row = position / params.width;
    if (row >= params.batch * params.height) {
        return;
    }
    let column = position - row * params.width;
    let source = (row / 2u * (params.width / 2u) + column / 2u) * quads + (index - position * quads);
    y[index] = a[index] + x[source];
}

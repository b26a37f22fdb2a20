// Input gradient of global average pooling:  dx[b, p, c] = gy[b, c] / positions
//
// gy  [batch, channels]               gradient of the loss with respect to the means
// dx  [batch, positions, channels]    positions = height · width
// channels is a multiple of four; both arrays are read as vec4.
//
// One thread writes four channels of a position. Neighbouring threads write neighbouring channels.
// Cost: one flop and one store per element.

#params

@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let index = workgroup * 64u + thread;
    let batch = index / (params.positions * quads);
    if (batch >= params.batch) {
        return;
    }
    dx[index] = gy[batch * quads + index % quads] / f32(params.positions);
}

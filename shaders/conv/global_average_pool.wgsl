// Global average pool:  y[b, c] = (1 / positions) Σ_p x[b, p, c]
//
// x  [batch, positions, channels]   positions = height · width
// y  [batch, channels]
// channels is a multiple of four; both arrays are read as vec4. If $HALF is 1, x holds f16.
//
// One thread averages four channels of one image. Neighbouring threads read neighbouring channels.
// Cost: one addition and one load per input.
#import stored

#params

@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let index = workgroup * 64u + thread;
    let batch = index / quads;
    if (batch >= params.batch) {
        return;
    }
    var at = batch * params.positions * quads + index % quads;
    var sum = vec4<f32>();
    for (var p = 0u; p < params.positions; p++) {
        sum += vec4<f32>(x[at]);
        at += quads;
    }
    y[index] = sum / f32(params.positions);
}

// Inverted dropout with a given mask:  y[i] = x[i] · scale if mask[i] is not 0, else 0;  scale = 1 / (1 − rate)
// The gradient has the same formula: this kernel computes dx from gy.
//
// x     [rows, channels]
// mask  [rows, channels]   u32, 1 if the value is kept
// y     [rows, channels]
// Each array is read as `quads` vectors of four.
//
// One thread computes four elements. Cost: one flop, two loads and one store per element.

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> mask: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    y[index] = select(vec4<f32>(), x[index] * params.scale, mask[index] != vec4<u32>(0u));
}

// Counts the correct predictions of each attribute:  correct[a] += Σ_s (round(p[s, a]) = y[s, a])
// `round` rounds half to even, so a prediction of exactly 0.5 counts as 0.
//
// predictions  [rows, channels]   p in [0, 1]; channels is `attributes` rounded up to a multiple of four
// labels       [rows, channels]   y, 0 or 1
// correct      [channels]         u32; the counts are added to it, and its padding does not change
// All arrays are read as vec4.
//
// One thread counts four attributes over all rows. Cost: one comparison and two loads per element.

#params

@group(0) @binding(1) var<storage, read> predictions: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> labels: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> correct: array<vec4<u32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let quad = workgroup * 64u + thread;
    if (quad >= quads) {
        return;
    }
    let middle = vec4<f32>(0.5);
    var count = vec4<u32>(0u);
    for (var row = 0u; row < params.rows; row++) {
        let at = row * quads + quad;
        count += select(vec4<u32>(0u), vec4<u32>(1u), (predictions[at] > middle) == (labels[at] > middle));
    }
    let position = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    correct[quad] += select(vec4<u32>(0u), count, position < vec4<u32>(params.attributes));
}

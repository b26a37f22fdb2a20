// Sum of the parts of a sum that was split:  y[i] = Σ_p parts[p, i]
//
// parts  [count, elements]
// y      [elements]
// elements is a multiple of four; both arrays are read as vec4, and a part has `quads` of them.
//
// One thread adds four elements of all parts in runs of 16. The order is always the same, so that the same parts give the same
// bytes. Cost: one addition and one load per element of a part.

#params

@group(0) @binding(1) var<storage, read> parts: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let quad = workgroup * 64u + thread;
    if (quad >= params.quads) {
        return;
    }
    var sum = vec4<f32>();
    for (var start = 0u; start < params.count; start += 16u) {
        let end = min(start + 16u, params.count);
        var run = vec4<f32>();
        for (var part = start; part < end; part++) {
            run += parts[part * params.quads + quad];
        }
        sum += run;
    }
    y[quad] = sum;
}

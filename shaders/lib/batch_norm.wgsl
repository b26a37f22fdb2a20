// Batch normalisation of four channels. The forward and the backward kernels share this expression: the backward pass recomputes
// the result from x, and its activation must clip exactly the elements that it clipped in the forward pass. The explicit fma
// keeps compilers from fusing the operations in one kernel but not in another.
struct Normalisation {
    centre: vec4<f32>,
    scale: vec4<f32>,
    offset: vec4<f32>,
}

fn normalise(x: vec4<f32>, by: Normalisation) -> vec4<f32> {
    return fma(x - by.centre, by.scale, by.offset);
}

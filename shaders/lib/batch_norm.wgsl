// Batch norm of four channels. Every kernel that needs it uses this one expression: the backward pass recomputes the result
// from x, and must find ReLU6 open for exactly the elements for which the forward pass did. The multiply-add is written as
// `fma`, so that no compiler decides whether to fuse it.
struct Normalisation {
    centre: vec4<f32>,
    scale: vec4<f32>,
    offset: vec4<f32>,
}

fn normalise(x: vec4<f32>, by: Normalisation) -> vec4<f32> {
    return fma(x - by.centre, by.scale, by.offset);
}

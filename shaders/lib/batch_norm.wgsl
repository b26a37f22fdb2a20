// Batch norm of four channels, in the one expression that all its kernels compute: the backward pass recomputes it from x, and
// must find ReLU6 open for exactly the elements for which the forward pass did. So the multiply-add is spelt out, and no
// compiler chooses whether to fuse it.
struct Normalisation {
    centre: vec4<f32>,
    scale: vec4<f32>,
    offset: vec4<f32>,
}

fn normalise(x: vec4<f32>, by: Normalisation) -> vec4<f32> {
    return fma(x - by.centre, by.scale, by.offset);
}

// What passes of a gradient through ReLU6, given what went into it: nothing at the knees.
fn through_relu6(gradient: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(), gradient, (value > vec4<f32>()) & (value < vec4<f32>(6.0)));
}

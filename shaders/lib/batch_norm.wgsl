// Batch normalisation of four channels. The forward and the backward kernels share this expression: the backward pass recomputes
// the result from x, and it must clip exactly the elements that ReLU6 clipped in the forward pass. The explicit fma keeps
// compilers from fusing the operations in one kernel but not in another.
struct Normalisation {
    centre: vec4<f32>,
    scale: vec4<f32>,
    offset: vec4<f32>,
}

fn normalise(x: vec4<f32>, by: Normalisation) -> vec4<f32> {
    return fma(x - by.centre, by.scale, by.offset);
}

// Returns the gradient where 0 < value < 6, and 0 elsewhere. `value` is the input of ReLU6; the gradient at exactly 0 and 6 is 0.
fn through_relu6(gradient: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(), gradient, (value > vec4<f32>()) & (value < vec4<f32>(6.0)));
}

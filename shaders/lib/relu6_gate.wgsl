// What ReLU6 lets through of a gradient: all of it between its knees, nothing at them or beyond.
override RELU6: u32 = 0u;

fn gate(gradient: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
    if (RELU6 == 0u) {
        return gradient;
    }
    return select(vec4<f32>(), gradient, (y > vec4<f32>(0.0)) & (y < vec4<f32>(6.0)));
}

// Returns 1 / (1 + e^−value).
fn sigmoid(value: vec4<f32>) -> vec4<f32> {
    // The exponential of a negative number cannot overflow, so every finite input gives a finite result.
    let decay = exp(-abs(value));
    return select(decay, vec4<f32>(1.0), value >= vec4<f32>(0.0)) / (1.0 + decay);
}

// Rounding of the operands of products in mixed precision. A number is multiplied by a power of two before it is rounded to f16,
// and becomes the largest f16 instead of infinity. NaN stays NaN.
alias Half = vec4<f16>;

fn scaled_half(value: vec4<f32>, scale: f32) -> Half {
    let scaled = value * scale;
    return Half(select(clamp(scaled, vec4<f32>(-65504.0), vec4<f32>(65504.0)), scaled, scaled != scaled));
}

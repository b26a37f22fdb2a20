// Activations and their gradients. An activation has a code, which is the same in src/ops/activation.rs; 0 is no activation.
const RELU: u32 = 1u;
const RELU6: u32 = 2u;
const SIGMOID: u32 = 3u;

// 1 / (1 + e^−v)
fn sigmoid(value: vec4<f32>) -> vec4<f32> {
    // The exponential of a negative number cannot overflow, so no finite input gives infinity or NaN.
    let decay = exp(-abs(value));
    return select(decay, vec4<f32>(1.0), value >= vec4<f32>(0.0)) / (1.0 + decay);
}

fn activation_value(code: u32, input: vec4<f32>) -> vec4<f32> {
    switch code {
        case RELU: { return max(input, vec4<f32>(0.0)); }
        case RELU6: { return clamp(input, vec4<f32>(0.0), vec4<f32>(6.0)); }
        case SIGMOID: { return sigmoid(input); }
        default: { return input; }
    }
}

// Returns the basis that activation_gradient takes, from the activation's input. It is the output if the derivative is computed
// from the output, and the input otherwise.
fn gradient_basis(code: u32, input: vec4<f32>) -> vec4<f32> {
    switch code {
        case SIGMOID: { return sigmoid(input); }
        default: { return input; }
    }
}

// Returns the gradient with respect to an activation's input, given the gradient with respect to its output. It is 0 at the knees
// of ReLU and ReLU6.
fn activation_gradient(code: u32, gradient: vec4<f32>, basis: vec4<f32>) -> vec4<f32> {
    let zero = vec4<f32>();
    switch code {
        case RELU: { return select(zero, gradient, basis > zero); }
        case RELU6: { return select(zero, gradient, (basis > zero) & (basis < vec4<f32>(6.0))); }
        case SIGMOID: { return gradient * basis * (1.0 - basis); }
        default: { return gradient; }
    }
}

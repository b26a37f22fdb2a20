// One step of Adam (Kingma and Ba 2015) as implemented in Keras, with decoupled weight decay (Loshchilov and Hutter 2019).
// g is the gradient, p the parameter, and m and v start at 0:
// m = beta1 m + (1 − beta1) g;  v = beta2 v + (1 − beta2) g²;  p = kept p − step_size m / (√v + epsilon)
// The host computes the values that change from step to step. step_size is the learning rate corrected for the bias of m and v,
// and kept is 1 − learning rate · weight decay. For PyTorch's form of Adam the host corrects epsilon too. The parameters rest1
// and rest2 are 1 − beta1 and 1 − beta2, because the subtraction would lose digits in single precision.
//
// gradient       [count]   g
// parameter      [count]   p, updated
// first_moment   [count]   m, updated
// second_moment  [count]   v, updated
// count is a multiple of four; each array is read as `quads` vectors of four.
//
// One thread updates four parameters. Cost: thirteen flops, four loads and three stores per element.

#params

@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> first_moment: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> second_moment: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    let g = gradient[index];
    let m = params.beta1 * first_moment[index] + params.rest1 * g;
    let v = params.beta2 * second_moment[index] + params.rest2 * g * g;
    first_moment[index] = m;
    second_moment[index] = v;
    parameter[index] = params.kept * parameter[index] - params.step_size * m / (sqrt(v) + params.epsilon);
}

// One step of AdaDelta (Zeiler 2012) as implemented in Keras. g is the gradient, p the parameter, and a and d start at 0:
// a = rho a + (1 − rho) g²;  u = g √(d + epsilon) / √(a + epsilon);  p −= learning_rate u;  d = rho d + (1 − rho) u²
//
// gradient              [count]   g
// parameter             [count]   p, updated
// accumulated_gradient  [count]   a, updated
// accumulated_update    [count]   d, updated
// count is a multiple of four; each array is read as `quads` vectors of four.
//
// One thread updates four parameters. Cost: thirteen flops, four loads and three stores per element.

#params

@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> accumulated_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> accumulated_update: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    let g = gradient[index];
    let d = accumulated_update[index];
    let a = params.rho * accumulated_gradient[index] + (1.0 - params.rho) * g * g;
    let u = g * sqrt(d + params.epsilon) / sqrt(a + params.epsilon);
    accumulated_gradient[index] = a;
    parameter[index] -= params.learning_rate * u;
    accumulated_update[index] = params.rho * d + (1.0 - params.rho) * u * u;
}

// One step of gradient descent with momentum (Polyak 1964; Nesterov 1983) as implemented in Keras. g is the gradient, p the
// parameter, and v the velocity, which starts at 0:
// v = momentum v − learning_rate g;  p += v, or if NESTEROV is 1:  p += momentum v − learning_rate g
//
// gradient   [count]   g
// parameter  [count]   p, updated
// velocity   [count]   v, updated
// count is a multiple of four; each array is read as `quads` vectors of four.
//
// One thread updates four parameters. Cost: four to six flops, three loads and two stores per element.

#params

override NESTEROV: u32 = 0u;

@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> velocity: array<vec4<f32>>;

#entry 64 {
    let index = workgroup * 64u + thread;
    if (index >= params.quads) {
        return;
    }
    let descent = params.learning_rate * gradient[index];
    let v = params.momentum * velocity[index] - descent;
    velocity[index] = v;
    if (NESTEROV == 1u) {
        parameter[index] += params.momentum * v - descent;
    } else {
        parameter[index] += v;
    }
}

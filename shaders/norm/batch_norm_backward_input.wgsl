// Input gradient of batch normalisation, with σ = √(variance + epsilon) and x̂ = (x − mean) / σ:
// training (gradient flows through the batch statistics):  dx = gamma / σ · (g − dbeta / all_rows − x̂ · dgamma / all_rows)
// training with all_rows = 2 (the same, rearranged to avoid cancellation):  dx = gamma / σ · (g − dbeta / 2) · epsilon / σ²
// inference (the statistics are constants):  dx = gamma / σ · g
// g = gy f′(gamma x̂ + beta) is the gradient before the activation f that follows, recomputed from x.
//
// gy          [rows, channels]   gradient of the loss with respect to y; rows may be a part of all_rows
// x           [rows, channels]   input of the forward pass
// statistics  [2, channels]      mean, then variance, of all rows, as used in the forward pass
// affine      [2, channels]      gamma, then beta
// gradients   [2, channels]      dgamma, then dbeta, of all rows, from batch_norm_backward_weight; read only in training
// dx          [rows, channels]
// channels is a multiple of four; all arrays are read as vec4.
//
// One thread computes four channels of $ROWS rows; neighbouring threads read neighbouring channels.
// Cost per element: five flops, two loads and one store in training; one flop, one load and one store in inference. An activation
// adds about four flops, and one load in inference.
#import batch_norm
#import activation

#params

override TRAINING: u32 = 1u;
// The activation that follows batch normalisation, by its code in shaders/lib/activation.wgsl.
override ACTIVATION: u32 = 0u;

@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let index = workgroup * 64u + thread;
    let quad = index % quads;
    let first_row = (index / quads) * $(ROWS)u;
    if (first_row >= params.rows) {
        return;
    }
    let deviation = sqrt(statistics[quads + quad] + params.epsilon);
    let by = Normalisation(statistics[quad], affine[quad] / deviation, affine[quads + quad]);
    let all_rows = f32(params.all_rows);
    // Each of two rows lies one standard deviation from their mean, so x̂² = variance / σ², and 1 − x̂² = epsilon / σ² needs no
    // subtraction of nearly equal numbers.
    let of_two = params.all_rows == 2u;
    let left_of_two = params.epsilon / (statistics[quads + quad] + params.epsilon);
    let through_mean = gradients[quads + quad] / all_rows;
    let through_deviation = gradients[quad] / deviation / all_rows;
    #for r in 0..ROWS
    if (first_row + $(r)u < params.rows) {
        let at_$r = (first_row + $(r)u) * quads + quad;
        var gradient_$r = gy[at_$r];
        if (ACTIVATION != 0u) {
            gradient_$r = activation_gradient(ACTIVATION, gradient_$r, gradient_basis(ACTIVATION, normalise(x[at_$r], by)));
        }
        if (TRAINING == 1u && of_two) {
            gradient_$r = (gradient_$r - through_mean) * left_of_two;
        } else if (TRAINING == 1u) {
            gradient_$r -= through_mean + (x[at_$r] - by.centre) * through_deviation;
        }
        dx[at_$r] = by.scale * gradient_$r;
    }
    #end
}

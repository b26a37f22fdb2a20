// Weight gradients of batch normalisation:  dgamma[c] = Σ_m g[m, c] x̂[m, c],  dbeta[c] = Σ_m g[m, c]
// with x̂ = (x − mean) / √(variance + epsilon).
// g = gy f′(gamma x̂ + beta) is the gradient before the activation f that follows, recomputed from x.
//
// gy          [rows, channels]      gradient of the loss with respect to y
// x           [rows, channels]      input of the forward pass
// statistics  [2, channels]         mean, then variance, as used in the forward pass
// affine      [2, channels]         gamma, then beta; used only if an activation follows
// gradients   [parts, 2, channels]  dgamma, then dbeta, of each part of the rows; sum_of_parts adds the parts
// channels is a multiple of four; all arrays are read as vec4.
//
// One workgroup processes four quads (of four channels) of one part, with sixteen threads per quad. Each thread adds every
// sixteenth row, in runs of 64 rows, and loads four of them at a time.
// Cost: five flops and two loads per element; an activation adds about four flops.
#import row_parts
#import tree_sum
#import batch_norm
#import activation

#params

// The activation that follows batch normalisation, by its code in shaders/lib/activation.wgsl.
override ACTIVATION: u32 = 0u;

@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> gradients: array<vec4<f32>>;

fn gradient_before_activation(gradient: vec4<f32>, input: vec4<f32>, by: Normalisation) -> vec4<f32> {
    if (ACTIVATION == 0u) {
        return gradient;
    }
    return activation_gradient(ACTIVATION, gradient, gradient_basis(ACTIVATION, normalise(input, by)));
}

#entry 64 {
    let quads = params.channels / 4u;
    if (!part_exists(workgroup, params.rows, params.channels, params.rows_a_part)) {
        return;
    }
    let share = share_of(workgroup, thread, params.rows, params.channels, params.rows_a_part);
    let quad = share.quad;
    let deviation = sqrt(statistics[quads + quad] + params.epsilon);
    let by = Normalisation(statistics[quad], affine[quad] / deviation, affine[quads + quad]);

    var sum = vec4<f32>();
    var sum_of_products = vec4<f32>();
    for (var start = share.first_row + share.lane; start < share.end_row; start += 1024u) {
        let end = min(start + 1024u, share.end_row);
        var run = vec4<f32>();
        var run_of_products = vec4<f32>();
        var row = start;
        for (; row + 48u < end; row += 64u) {
            let at = row * quads + quad;
            #for k in 0..4
            let x_$k = x[at + $(16 * k)u * quads];
            let gy_$k = gy[at + $(16 * k)u * quads];
            #end
            #for k in 0..4
            let gradient_$k = gradient_before_activation(gy_$k, x_$k, by);
            run += gradient_$k;
            run_of_products += gradient_$k * (x_$k - by.centre);
            #end
        }
        for (; row < end; row += 16u) {
            let value = x[row * quads + quad];
            let gradient = gradient_before_activation(gy[row * quads + quad], value, by);
            run += gradient;
            run_of_products += gradient * (value - by.centre);
        }
        sum += run;
        sum_of_products += run_of_products;
    }
    let gradient_of_beta = tree_sum(thread, 4u, sum);
    let gradient_of_gamma = tree_sum(thread, 4u, sum_of_products) / deviation;
    if (share.stores) {
        gradients[2u * share.part * quads + quad] = gradient_of_gamma;
        gradients[(2u * share.part + 1u) * quads + quad] = gradient_of_beta;
    }
}

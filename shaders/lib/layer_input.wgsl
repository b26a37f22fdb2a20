// A layer's input as the gradient by its weights reads it. Where NORMALISE is 1 it was not kept: batch norm and activation of the
// layer before are applied to the raw result while it is loaded, by the expression that the forward pass computed. The kernel
// that imports this binds
//     statistics  [2, channels]    mean, then variance;  as vec4; not read where NORMALISE is 0
//     affine      [2, channels]    gamma, then beta;     likewise
// and has an epsilon in its parameters.
#import activation
#import batch_norm

override NORMALISE: u32 = 0u;

fn input_normalisation(quad: u32, quads: u32) -> Normalisation {
    if (NORMALISE == 0u) {
        return Normalisation();
    }
    let deviation = sqrt(statistics[quads + quad] + params.epsilon);
    return Normalisation(statistics[quad], affine[quad] / deviation, affine[quads + quad]);
}

fn layer_input(value: vec4<f32>, by: Normalisation) -> vec4<f32> {
    if (NORMALISE == 0u) {
        return value;
    }
    return activate(normalise(value, by));
}

// A layer's input as a kernel of training loads it: as it is, or where NORMALISE is not 0 the raw result of the layer before, to
// which batch norm, and where it is 2 ReLU6, are applied by the expression that every kernel of batch norm computes. The kernel that
// imports this binds
//     statistics  [2, channels]    mean, then variance;  as vec4; not read where NORMALISE is 0
//     affine      [2, channels]    gamma, then beta;     likewise
// and has an epsilon in its parameters.
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
    let normalised = normalise(value, by);
    if (NORMALISE == 1u) {
        return normalised;
    }
    return clamp(normalised, vec4<f32>(), vec4<f32>(6.0));
}

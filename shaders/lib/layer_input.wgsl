// The input of a layer, as a training kernel loads it. If NORMALISE is 0, the binding holds the input. If NORMALISE is 1, the
// binding holds the raw result of the previous layer, and batch norm and the activation INPUT_ACTIVATION are applied to it while
// it is loaded. The kernel that imports this snippet has `epsilon` in its parameters and binds
//     statistics  [2, channels]    mean, then variance, as vec4; read only if NORMALISE is 1
//     affine      [2, channels]    gamma, then beta, as vec4; read only if NORMALISE is 1
#import batch_norm
#import activation

override NORMALISE: u32 = 0u;
override INPUT_ACTIVATION: u32 = 0u;

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
    return activation_value(INPUT_ACTIVATION, normalise(value, by));
}

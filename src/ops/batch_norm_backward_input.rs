//! Input gradient of batch normalisation.

use super::activation::ACTIVATION;
use super::{Activation, Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/norm/batch_norm_backward_input.wgsl`.
    struct BatchNormBackwardInputParams {
        rows: u32,
        all_rows: u32,
        channels: u32,
        epsilon: f32,
    }
}

/// The kernel of [`BatchNormBackwardInput`]. One thread computes four channels of `ROWS` rows.
pub static BATCH_NORM_BACKWARD_INPUT: Kernel = Kernel {
    name: "batch_norm_backward_input",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_backward_input.wgsl"),
    params: BatchNormBackwardInputParams::FIELDS,
    bindings: &[read("gy"), read("x"), read("statistics"), read("affine"), read("gradients"), read_write("dx")],
    variants: &[Variant { name: "default", constants: &[("ROWS", 8)], subgroup: false }],
    overrides: &[("TRAINING", &[0, 1]), ACTIVATION],
};

/// Computes the input gradient of batch normalisation, where x̂ is the normalised x and g the gradient before the activation.
///
/// In training dx = gamma / √(variance + epsilon) · (g − mean(g) − x̂ mean(g x̂)), because the statistics depend on x. In
/// inference dx = gamma / √(variance + epsilon) · g. In training on two rows the difference cancels almost completely, so the
/// kernel computes an equal product instead, which has no rounding problem.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormBackwardInput {
    /// Number of rows that this step computes.
    pub rows: u32,
    /// Number of rows of the whole tensor, from which the statistics, dgamma and dbeta were computed: batch, or
    /// batch × height × width. It is larger than `rows` if the tensor is too large for one binding.
    pub all_rows: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// The number added to the variance. The default is 1e-3 in Keras and 1e-5 in PyTorch.
    pub epsilon: f32,
    /// Whether the statistics are those of this batch, so that the gradient flows through them.
    pub training: bool,
    /// The activation that follows batch normalisation. The kernel recomputes its input, gamma x̂ + beta.
    pub activation: Activation,
}

impl BatchNormBackwardInput {
    /// Returns the step that computes `dx` \[rows, channels\].
    ///
    /// `gy` \[rows, channels\] is the gradient with respect to the output of the activation, and `x` \[rows, channels\] the input
    /// of the forward pass. `statistics` \[2, channels\] holds mean, then variance, and `affine` \[2, channels\] gamma, then
    /// beta. `gradients` \[2, channels\] holds dgamma, then dbeta, of all rows; inference does not use it.
    #[allow(clippy::too_many_arguments)]
    pub fn step(self, label: &str, gy: View, x: View, statistics: View, affine: View, gradients: View, dx: View) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        let variant = &BATCH_NORM_BACKWARD_INPUT.variants[0];
        let recomputed = self.activation != Activation::None;
        let flops = if self.training { 5 } else { 1 } + self.activation.recomputed_gradient_flops();
        // In inference x is read only to recompute the activation's input.
        let (tensors, vectors) = (2 + u64::from(self.training || recomputed), if self.training { 6 } else { 4 });
        Encoding {
            kernel: &BATCH_NORM_BACKWARD_INPUT,
            variant,
            lanes: None,
            overrides: vec![("TRAINING", f64::from(u8::from(self.training))), self.activation.as_override()],
            params: BatchNormBackwardInputParams {
                rows: self.rows,
                all_rows: self.all_rows,
                channels: self.channels,
                epsilon: self.epsilon,
            },
            bindings: &[gy, x, statistics, affine, gradients, dx],
            workgroups: (rows.div_ceil(u64::from(variant.constant("ROWS"))) * channels / 4).div_ceil(64),
            cost: Cost { flops: flops * rows * channels, bytes: 4 * (tensors * rows + vectors) * channels },
        }
        .step(label)
    }
}

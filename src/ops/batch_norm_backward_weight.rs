//! Weight gradients of batch normalisation: the gradients with respect to gamma and beta.

use super::activation::ACTIVATION;
use super::{Activation, Encoding, params};
use crate::plan::{Cost, Kernel, RowParts, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/norm/batch_norm_backward_weight.wgsl`.
    struct BatchNormBackwardWeightParams {
        rows: u32,
        channels: u32,
        epsilon: f32,
        rows_a_part: u32,
    }
}

/// The kernel of [`BatchNormBackwardWeight`]. Sixteen threads sum four channels over the rows of a part.
pub static BATCH_NORM_BACKWARD_WEIGHT: Kernel = Kernel {
    name: "batch_norm_backward_weight",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_backward_weight.wgsl"),
    params: BatchNormBackwardWeightParams::FIELDS,
    bindings: &[read("gy"), read("x"), read("statistics"), read("affine"), read_write("gradients")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[ACTIVATION],
};

/// Computes dgamma = Σ g x̂ and dbeta = Σ g over each part of the rows, where x̂ is the normalised x and g the gradient before
/// the activation. [`SumOfParts`](super::SumOfParts) with 2 · channels elements adds the parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormBackwardWeight {
    /// Rows of the tensor: batch, or batch × height × width. If the tensor is too large for one binding, this step covers some
    /// of its parts.
    pub rows: RowParts,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// The number added to the variance. The default is 1e-3 in Keras and 1e-5 in PyTorch.
    pub epsilon: f32,
    /// The activation that follows batch normalisation. The kernel recomputes its input, gamma x̂ + beta.
    pub activation: Activation,
}

impl BatchNormBackwardWeight {
    /// Returns the step that computes `gradients` \[parts, 2, channels\], which holds dgamma, then dbeta, of each part.
    ///
    /// `gy` \[rows, channels\] is the gradient with respect to the output of the activation, and `x` \[rows, channels\] the input
    /// of the forward pass. `statistics` \[2, channels\] holds mean, then variance, and `affine` \[2, channels\] gamma, then
    /// beta.
    pub fn step(self, label: &str, gy: View, x: View, statistics: View, affine: View, gradients: View) -> Step {
        let (rows, channels) = (u64::from(self.rows.rows), u64::from(self.channels));
        let parts = u64::from(self.rows.count());
        let flops = 5 + self.activation.recomputed_gradient_flops();
        Encoding {
            kernel: &BATCH_NORM_BACKWARD_WEIGHT,
            variant: &BATCH_NORM_BACKWARD_WEIGHT.variants[0],
            lanes: None,
            overrides: vec![self.activation.as_override()],
            params: BatchNormBackwardWeightParams {
                rows: self.rows.rows,
                channels: self.channels,
                epsilon: self.epsilon,
                rows_a_part: self.rows.rows_a_part,
            },
            bindings: &[gy, x, statistics, affine, gradients],
            workgroups: parts * (channels / 4).div_ceil(4),
            cost: Cost { flops: flops * rows * channels, bytes: 4 * (2 * rows + 2 * parts + 4) * channels },
        }
        .step(label)
    }
}

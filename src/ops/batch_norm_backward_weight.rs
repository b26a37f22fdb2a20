//! Weight gradients of batch normalisation: the gradients with respect to gamma and beta.

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

/// The override `ACTIVATION` of the backward kernels, which recompute the input of the activation: 0 for none, 2 for ReLU6.
pub(super) const BACKWARD_ACTIVATIONS: (&str, &[u32]) = ("ACTIVATION", &[0, 2]);

/// The kernel of [`BatchNormBackwardWeight`]. Sixteen threads sum four channels over the rows of a part.
pub static BATCH_NORM_BACKWARD_WEIGHT: Kernel = Kernel {
    name: "batch_norm_backward_weight",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_backward_weight.wgsl"),
    params: BatchNormBackwardWeightParams::FIELDS,
    bindings: &[read("gy"), read("x"), read("statistics"), read("affine"), read_write("gradients")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[BACKWARD_ACTIVATIONS],
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
    /// Added to the variance. The default is 1e-3 in Keras and 1e-5 in PyTorch.
    pub epsilon: f32,
    /// The activation that followed batch normalisation: none or ReLU6. With ReLU6, g is 0 except where
    /// 0 < gamma x̂ + beta < 6.
    pub activation: Activation,
}

impl BatchNormBackwardWeight {
    /// Returns the step that computes `gradients` \[parts, 2, channels\], which holds dgamma, then dbeta, of each part.
    ///
    /// `gy` \[rows, channels\] is the gradient with respect to the output of the activation, and `x` \[rows, channels\] the input
    /// of the forward pass. `statistics` \[2, channels\] holds mean, then variance, and `affine` \[2, channels\] gamma, then
    /// beta.
    pub fn step(self, label: &str, gy: View, x: View, statistics: View, affine: View, gradients: View) -> Step {
        debug_assert!(matches!(self.activation, Activation::None | Activation::Relu6), "{:?}", self.activation);
        let (rows, channels) = (u64::from(self.rows.rows), u64::from(self.channels));
        let parts = u64::from(self.rows.count());
        let flops = if self.activation == Activation::None { 5 } else { 9 };
        Encoding {
            kernel: &BATCH_NORM_BACKWARD_WEIGHT,
            variant: &BATCH_NORM_BACKWARD_WEIGHT.variants[0],
            lanes: None,
            overrides: vec![("ACTIVATION", self.activation as u32 as f64)],
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

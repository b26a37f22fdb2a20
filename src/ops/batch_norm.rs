//! Batch normalisation with given statistics: those of the batch in training, or the running ones in inference.

use super::activation::ACTIVATION;
use super::{Activation, Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/norm/batch_norm.wgsl`.
    struct BatchNormParams {
        rows: u32,
        channels: u32,
        epsilon: f32,
    }
}

/// The kernel of [`BatchNorm`]. One thread normalises four channels of `ROWS` rows.
pub static BATCH_NORM: Kernel = Kernel {
    name: "batch_norm",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm.wgsl"),
    params: BatchNormParams::FIELDS,
    bindings: &[read("x"), read("statistics"), read("affine"), read("residual"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[("ROWS", 8)], subgroup: false }],
    overrides: &[ACTIVATION, ("RESIDUAL", &[0, 1])],
};

/// Normalises x: y = activation(gamma (x − mean) / √(variance + epsilon) + beta) + residual, on tensors \[rows, channels\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Number of rows: batch, or batch × height × width.
    pub rows: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// The number added to the variance. The default is 1e-3 in Keras and 1e-5 in PyTorch.
    pub epsilon: f32,
    /// The activation that is applied before the residual is added.
    pub activation: Activation,
}

impl BatchNorm {
    /// Returns the step that computes `y` \[rows, channels\] from `x` \[rows, channels\].
    ///
    /// `statistics` \[2, channels\] holds mean, then variance, and `affine` \[2, channels\] gamma, then beta. `residual`
    /// \[rows, channels\] is optional.
    pub fn step(self, label: &str, x: View, statistics: View, affine: View, residual: Option<View>, y: View) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        let variant = &BATCH_NORM.variants[0];
        let extra = u64::from(residual.is_some());
        Encoding {
            kernel: &BATCH_NORM,
            variant,
            lanes: None,
            overrides: vec![self.activation.as_override(), ("RESIDUAL", extra as f64)],
            params: BatchNormParams { rows: self.rows, channels: self.channels, epsilon: self.epsilon },
            // A binding cannot be empty, so a layer without a residual binds gamma and beta, which the kernel does not read.
            bindings: &[x, statistics, affine, residual.unwrap_or(affine), y],
            workgroups: (rows.div_ceil(u64::from(variant.constant("ROWS"))) * channels / 4).div_ceil(64),
            cost: Cost { flops: (4 + extra) * rows * channels, bytes: 4 * ((2 + extra) * rows + 4) * channels },
        }
        .step(label)
    }
}

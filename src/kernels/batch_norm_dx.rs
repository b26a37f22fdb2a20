//! Gradient of batch norm by its input.

use super::{Activation, Cost, Encoding, Kernel, RELU6, Variant, params, read, read_write, relu6};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/norm/batch_norm_dx.wgsl`.
    struct BatchNormDxParams {
        rows: u32,
        channels: u32,
        epsilon: f32,
        all_rows: u32,
    }
}

/// A thread computes four channels of a few rows.
pub static BATCH_NORM_DX: Kernel = Kernel {
    name: "batch_norm_dx",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_dx.wgsl"),
    params: BatchNormDxParams::FIELDS,
    bindings: &[read("gy"), read("x"), read("statistics"), read("affine"), read("gradients"), read_write("dx")],
    variants: &[Variant { name: "default", constants: &[("ROWS", 8)], subgroup: false }],
    overrides: &[("TRAINING", &[0, 1]), RELU6],
};

/// In training dx = gamma / √(variance + epsilon) · (g − mean(g) − x̂ mean(g x̂)), since the statistics depend on x; in
/// inference only the first factor times g, which is what the activation lets through of gy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormDx {
    /// Rows of this dispatch: the batch, or batch × height × width, or some of them.
    pub rows: u32,
    /// The rows that the statistics are of.
    pub all_rows: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// Added to the variance: 1e-3 in Keras, 1e-5 in PyTorch.
    pub epsilon: f32,
    /// Whether the statistics are those of this batch.
    pub training: bool,
    /// What follows batch norm: nothing or ReLU6.
    pub activation: Activation,
}

impl BatchNormDx {
    /// The dispatch. `statistics` \[2, channels\] is mean and variance, `affine` \[2, channels\] gamma and beta, `gradients`
    /// \[2, channels\] dgamma and dbeta, which inference does not read.
    pub fn step(self, label: &str, [gy, x]: [View; 2], statistics: View, affine: View, gradients: View, dx: View) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        let variant = &BATCH_NORM_DX.variants[0];
        Encoding {
            kernel: &BATCH_NORM_DX,
            variant,
            lanes: None,
            overrides: vec![("TRAINING", f64::from(u8::from(self.training))), relu6(self.activation)],
            params: BatchNormDxParams {
                rows: self.rows,
                channels: self.channels,
                epsilon: self.epsilon,
                all_rows: self.all_rows,
            },
            bindings: &[gy, x, statistics, affine, gradients, dx],
            workgroups: (rows.div_ceil(u64::from(variant.constant("ROWS"))) * channels / 4).div_ceil(64),
            // In inference x is not read.
            cost: if self.training {
                Cost { flops: 5 * rows * channels, bytes: 4 * (3 * rows + 6) * channels }
            } else {
                Cost { flops: rows * channels, bytes: 4 * (2 * rows + 2) * channels }
            },
        }
        .step(label)
    }
}

//! Gradient of batch norm by its input.

use super::{Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/norm/batch_norm_dx.wgsl`.
    struct BatchNormDxParams {
        rows: u32,
        channels: u32,
        epsilon: f32,
    }
}

/// A thread computes four channels of a few rows.
pub static BATCH_NORM_DX: Kernel = Kernel {
    name: "batch_norm_dx",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_dx.wgsl"),
    params: BatchNormDxParams::FIELDS,
    bindings: &[
        read("gy"),
        read("x"),
        read("mean"),
        read("variance"),
        read("gamma"),
        read("dgamma"),
        read("dbeta"),
        read_write("dx"),
    ],
    variants: &[Variant { name: "default", constants: &[("ROWS", 8)], subgroup: false }],
    overrides: &[("TRAINING", &[0, 1])],
};

/// In training dx = gamma / √(variance + epsilon) · (gy − mean(gy) − x̂ mean(gy x̂)), since the statistics depend on x; in
/// inference only the first factor times gy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormDx {
    /// Rows: the batch, or batch × height × width.
    pub rows: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// Added to the variance: 1e-3 in Keras, 1e-5 in PyTorch.
    pub epsilon: f32,
    /// Whether the statistics are those of this batch.
    pub training: bool,
}

impl BatchNormDx {
    /// The dispatch. `statistics` is mean and variance, `weights` gamma, dgamma and dbeta; inference reads no gradient there.
    pub fn step(self, label: &str, gy: View, x: View, statistics: [View; 2], weights: [View; 3], dx: View) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        let variant = &BATCH_NORM_DX.variants[0];
        Encoding {
            kernel: &BATCH_NORM_DX,
            variant,
            lanes: None,
            overrides: vec![("TRAINING", f64::from(u8::from(self.training)))],
            params: BatchNormDxParams { rows: self.rows, channels: self.channels, epsilon: self.epsilon },
            bindings: &[gy, x, statistics[0], statistics[1], weights[0], weights[1], weights[2], dx],
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

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

/// A thread computes four channels of a row.
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
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
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
        Encoding {
            kernel: &BATCH_NORM_DX,
            variant: &BATCH_NORM_DX.variants[0],
            lanes: None,
            overrides: vec![("TRAINING", f64::from(u8::from(self.training)))],
            params: BatchNormDxParams { rows: self.rows, channels: self.channels, epsilon: self.epsilon },
            bindings: &[gy, x, statistics[0], statistics[1], weights[0], weights[1], weights[2], dx],
            workgroups: (rows * channels / 4).div_ceil(64),
            cost: Cost { flops: 8 * rows * channels, bytes: 4 * (3 * rows * channels + 5 * channels) },
        }
        .step(label)
    }
}

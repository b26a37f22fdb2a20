//! Gradients of batch norm by gamma and beta.

use super::{Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/norm/batch_norm_dw.wgsl`.
    struct BatchNormDwParams {
        rows: u32,
        channels: u32,
        epsilon: f32,
    }
}

/// Sixteen threads add up four channels of all rows.
pub static BATCH_NORM_DW: Kernel = Kernel {
    name: "batch_norm_dw",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_dw.wgsl"),
    params: BatchNormDwParams::FIELDS,
    bindings: &[read("gy"), read("x"), read("mean"), read("variance"), read_write("dgamma"), read_write("dbeta")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// dgamma = Σ gy x̂ and dbeta = Σ gy over the rows of \[rows, channels\], where x̂ is the normalised x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormDw {
    /// Rows: the batch, or batch × height × width.
    pub rows: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// Added to the variance: 1e-3 in Keras, 1e-5 in PyTorch.
    pub epsilon: f32,
}

impl BatchNormDw {
    /// The dispatch. `statistics` is mean and variance, `gradients` dgamma and dbeta.
    pub fn step(self, label: &str, gy: View, x: View, statistics: [View; 2], gradients: [View; 2]) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        Encoding {
            kernel: &BATCH_NORM_DW,
            variant: &BATCH_NORM_DW.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: BatchNormDwParams { rows: self.rows, channels: self.channels, epsilon: self.epsilon },
            bindings: &[gy, x, statistics[0], statistics[1], gradients[0], gradients[1]],
            workgroups: (channels / 4).div_ceil(4),
            cost: Cost { flops: 5 * rows * channels, bytes: 4 * (2 * rows * channels + 4 * channels) },
        }
        .step(label)
    }
}

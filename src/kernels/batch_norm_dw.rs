//! Gradients of batch norm by gamma and beta.

use super::{Activation, Cost, Encoding, Kernel, RELU6, RowParts, Variant, params, read, read_write, relu6};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/norm/batch_norm_dw.wgsl`.
    struct BatchNormDwParams {
        rows: u32,
        channels: u32,
        epsilon: f32,
        rows_a_part: u32,
    }
}

/// Sixteen threads add up four channels of the rows of a part.
pub static BATCH_NORM_DW: Kernel = Kernel {
    name: "batch_norm_dw",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_dw.wgsl"),
    params: BatchNormDwParams::FIELDS,
    bindings: &[read("gy"), read("x"), read("statistics"), read("affine"), read_write("gradients")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[RELU6],
};

/// dgamma = Σ g x̂ and dbeta = Σ g, \[parts, 2, channels\], over each part of the rows of \[rows, channels\], where x̂ is the
/// normalised x and g what the activation lets through of gy; [`SumOfParts`](super::SumOfParts) adds the parts up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormDw {
    /// Rows: the batch, or batch × height × width.
    pub rows: RowParts,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// Added to the variance: 1e-3 in Keras, 1e-5 in PyTorch.
    pub epsilon: f32,
    /// What follows batch norm: nothing or ReLU6.
    pub activation: Activation,
}

impl BatchNormDw {
    /// The dispatch. `statistics` \[2, channels\] is mean and variance, `affine` \[2, channels\] gamma and beta.
    pub fn step(self, label: &str, gy: View, x: View, statistics: View, affine: View, gradients: View) -> Step {
        let (rows, channels) = (u64::from(self.rows.rows), u64::from(self.channels));
        let parts = u64::from(self.rows.count());
        Encoding {
            kernel: &BATCH_NORM_DW,
            variant: &BATCH_NORM_DW.variants[0],
            lanes: None,
            overrides: vec![relu6(self.activation)],
            params: BatchNormDwParams {
                rows: self.rows.rows,
                channels: self.channels,
                epsilon: self.epsilon,
                rows_a_part: self.rows.rows_a_part,
            },
            bindings: &[gy, x, statistics, affine, gradients],
            workgroups: parts * (channels / 4).div_ceil(4),
            cost: Cost { flops: 5 * rows * channels, bytes: 4 * (2 * rows + 2 * parts + 2) * channels },
        }
        .step(label)
    }
}

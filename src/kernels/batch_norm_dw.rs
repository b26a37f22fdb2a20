//! Gradients of batch norm by gamma and beta.

use super::{Cost, Encoding, Kernel, RowParts, Variant, params, read, read_write};
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
    bindings: &[read("gy"), read("x"), read("mean"), read("variance"), read_write("dgamma"), read_write("dbeta")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// dgamma\[parts, channels\] = Σ gy x̂ and dbeta\[parts, channels\] = Σ gy over each part of the rows of \[rows, channels\],
/// where x̂ is the normalised x; [`SumOfParts`](super::SumOfParts) adds the parts up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormDw {
    /// Rows: the batch, or batch × height × width.
    pub rows: RowParts,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// Added to the variance: 1e-3 in Keras, 1e-5 in PyTorch.
    pub epsilon: f32,
}

impl BatchNormDw {
    /// The dispatch. `statistics` is mean and variance, `gradients` dgamma and dbeta.
    pub fn step(self, label: &str, gy: View, x: View, statistics: [View; 2], gradients: [View; 2]) -> Step {
        let (rows, channels) = (u64::from(self.rows.rows), u64::from(self.channels));
        let parts = u64::from(self.rows.count());
        Encoding {
            kernel: &BATCH_NORM_DW,
            variant: &BATCH_NORM_DW.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: BatchNormDwParams {
                rows: self.rows.rows,
                channels: self.channels,
                epsilon: self.epsilon,
                rows_a_part: self.rows.rows_a_part,
            },
            bindings: &[gy, x, statistics[0], statistics[1], gradients[0], gradients[1]],
            workgroups: parts * (channels / 4).div_ceil(4),
            cost: Cost { flops: 5 * rows * channels, bytes: 4 * (2 * rows + 2 * parts + 2) * channels },
        }
        .step(label)
    }
}

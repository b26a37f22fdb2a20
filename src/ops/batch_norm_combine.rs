//! Batch norm in training mode: the statistics of a batch from those of its parts, and the running ones.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, RowParts, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/norm/batch_norm_combine.wgsl`.
    struct BatchNormCombineParams {
        rows: u32,
        channels: u32,
        rows_a_part: u32,
        parts: u32,
        momentum: f32,
        correction: f32,
    }
}

/// Sixteen threads add up four channels of all parts.
pub static BATCH_NORM_COMBINE: Kernel = Kernel {
    name: "batch_norm_combine",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_combine.wgsl"),
    params: BatchNormCombineParams::FIELDS,
    bindings: &[read("of_parts"), read_write("statistics"), read_write("running")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Mean and biased variance of every channel over all rows, from those of their parts, by the formula of Chan, Golub and
/// LeVeque (1983); the running ones become momentum · running + (1 − momentum) · batch, the variance first times
/// `correction`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormCombine {
    /// Rows: the batch, or batch × height × width, in the parts that [`BatchNormStatistics`](super::BatchNormStatistics) had.
    pub rows: RowParts,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// What the running statistics keep, in Keras' sense: 0.99.
    pub momentum: f32,
    /// 1 keeps the biased variance, as Keras does for rows of features; rows / (rows − 1) is what PyTorch does, and
    /// Keras for images. Keras 2.2.4 has one of its own.
    pub correction: f32,
}

impl BatchNormCombine {
    /// The dispatch. Each is means, then variances: `of_parts` \[parts, 2, channels\], `statistics` \[2, channels\], and
    /// `running` \[2, channels\], which is updated.
    pub fn step(self, label: &str, of_parts: View, statistics: View, running: View) -> Step {
        let (parts, channels) = (u64::from(self.rows.count()), u64::from(self.channels));
        Encoding {
            kernel: &BATCH_NORM_COMBINE,
            variant: &BATCH_NORM_COMBINE.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: self.encode(),
            bindings: &[of_parts, statistics, running],
            workgroups: (channels / 4).div_ceil(4),
            cost: Cost { flops: 7 * parts * channels, bytes: 4 * (2 * parts + 6) * channels },
        }
        .step(label)
    }

    /// The bytes of `Params`, to move a recorded step on to another update.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    fn encode(self) -> BatchNormCombineParams {
        BatchNormCombineParams {
            rows: self.rows.rows,
            channels: self.channels,
            rows_a_part: self.rows.rows_a_part,
            parts: self.rows.count(),
            momentum: self.momentum,
            correction: self.correction,
        }
    }
}

//! Batch normalisation in training: computes the statistics of parts of a batch.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, RowParts, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/norm/batch_norm_statistics.wgsl`.
    struct BatchNormStatisticsParams {
        rows: u32,
        channels: u32,
        rows_a_part: u32,
    }
}

/// The kernel of [`BatchNormStatistics`]. Sixteen threads sum four channels over the rows of a part.
pub static BATCH_NORM_STATISTICS: Kernel = Kernel {
    name: "batch_norm_statistics",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_statistics.wgsl"),
    params: BatchNormStatisticsParams::FIELDS,
    bindings: &[read("x"), read_write("of_parts")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes the mean and the biased variance of each part of the rows of x \[rows, channels\].
/// [`BatchNormCombine`](super::BatchNormCombine) combines the parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormStatistics {
    /// Rows of the tensor: batch, or batch × height × width. If the tensor is too large for one binding, this step covers some
    /// of its parts.
    pub rows: RowParts,
    /// Number of channels, a multiple of four.
    pub channels: u32,
}

impl BatchNormStatistics {
    /// Returns the step that computes `of_parts` \[parts, 2, channels\], which holds mean, then variance, of each part.
    pub fn step(self, label: &str, x: View, of_parts: View) -> Step {
        let (rows, channels) = (u64::from(self.rows.rows), u64::from(self.channels));
        let parts = u64::from(self.rows.count());
        Encoding {
            kernel: &BATCH_NORM_STATISTICS,
            variant: &BATCH_NORM_STATISTICS.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: BatchNormStatisticsParams {
                rows: self.rows.rows,
                channels: self.channels,
                rows_a_part: self.rows.rows_a_part,
            },
            bindings: &[x, of_parts],
            workgroups: parts * (channels / 4).div_ceil(4),
            cost: Cost { flops: 5 * rows * channels, bytes: 4 * (rows + 2 * parts) * channels },
        }
        .step(label)
    }
}

//! Batch normalisation in training: combines the statistics of parts of a batch, and updates the running statistics.

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

/// The kernel of [`BatchNormCombine`]. Sixteen threads sum four channels over all parts.
pub static BATCH_NORM_COMBINE: Kernel = Kernel {
    name: "batch_norm_combine",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_combine.wgsl"),
    params: BatchNormCombineParams::FIELDS,
    bindings: &[read("of_parts"), read_write("statistics"), read_write("running")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Combines the means and biased variances of parts of the rows to those of all rows, by the formula of Chan, Golub and LeVeque
/// (1983), and updates the running statistics.
///
/// running mean = momentum · running mean + (1 − momentum) · mean, and
/// running variance = momentum · running variance + (1 − momentum) · correction · variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormCombine {
    /// Rows of the tensor: batch, or batch × height × width, in the same parts as for
    /// [`BatchNormStatistics`](super::BatchNormStatistics).
    pub rows: RowParts,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// Share of the old running statistics that an update keeps. This is the convention of Keras, whose default is 0.99.
    pub momentum: f32,
    /// Factor of the variance before it enters the running variance. 1 keeps the biased variance, as Keras does for tensors
    /// \[rows, channels\]. rows / (rows − 1) gives the unbiased variance, as in PyTorch, and in Keras for images. Keras 2.2.4
    /// uses yet another factor.
    pub correction: f32,
}

impl BatchNormCombine {
    /// Returns the step that computes `statistics` \[2, channels\] from `of_parts` \[parts, 2, channels\], and updates `running`
    /// \[2, channels\]. Each tensor holds means, then variances.
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

    /// Returns the bytes of the kernel's `Params`. They replace those of a recorded step to run it for another update.
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

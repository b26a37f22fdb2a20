//! Batch norm in training mode: the statistics of a batch, and the running ones.

use super::{Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/norm/batch_norm_statistics.wgsl`.
    struct BatchNormStatisticsParams {
        rows: u32,
        channels: u32,
        momentum: f32,
        correction: f32,
    }
}

/// Sixteen threads add up four channels of all rows.
pub static BATCH_NORM_STATISTICS: Kernel = Kernel {
    name: "batch_norm_statistics",
    group: "norm",
    source: include_str!("../../shaders/norm/batch_norm_statistics.wgsl"),
    params: BatchNormStatisticsParams::FIELDS,
    bindings: &[
        read("x"),
        read_write("mean"),
        read_write("variance"),
        read_write("running_mean"),
        read_write("running_variance"),
    ],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Mean and biased variance of every channel of x\[rows, channels\]; the running ones become
/// momentum · running + (1 − momentum) · batch, the variance first times `correction`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormStatistics {
    /// Rows: the batch, or batch × height × width.
    pub rows: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// What the running statistics keep, in Keras' sense: 0.99.
    pub momentum: f32,
    /// 1 keeps the biased variance, as Keras does for rows of features; rows / (rows − 1) is what PyTorch does, and
    /// Keras for images.
    pub correction: f32,
}

impl BatchNormStatistics {
    /// The dispatch. `running` is the running mean and variance, which are updated.
    pub fn step(self, label: &str, x: View, [mean, variance]: [View; 2], running: [View; 2]) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        Encoding {
            kernel: &BATCH_NORM_STATISTICS,
            variant: &BATCH_NORM_STATISTICS.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: BatchNormStatisticsParams {
                rows: self.rows,
                channels: self.channels,
                momentum: self.momentum,
                correction: self.correction,
            },
            bindings: &[x, mean, variance, running[0], running[1]],
            workgroups: (channels / 4).div_ceil(4),
            cost: Cost { flops: 5 * rows * channels, bytes: 4 * (2 * rows * channels + 6 * channels) },
        }
        .step(label)
    }
}

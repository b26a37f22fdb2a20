//! Global average pooling.

use super::{Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/conv/global_average_pool.wgsl`.
    struct GlobalAveragePoolParams {
        batch: u32,
        positions: u32,
        channels: u32,
    }
}

/// A thread averages four channels of an image.
pub static GLOBAL_AVERAGE_POOL: Kernel = Kernel {
    name: "global_average_pool",
    group: "conv",
    source: include_str!("../../shaders/conv/global_average_pool.wgsl"),
    params: GlobalAveragePoolParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// The mean over all positions: \[batch, positions, channels\] to \[batch, channels\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalAveragePool {
    /// Images.
    pub batch: u32,
    /// Height × width.
    pub positions: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
}

impl GlobalAveragePool {
    /// The dispatch.
    pub fn step(self, label: &str, x: View, y: View) -> Step {
        let (batch, positions, channels) = (u64::from(self.batch), u64::from(self.positions), u64::from(self.channels));
        Encoding {
            kernel: &GLOBAL_AVERAGE_POOL,
            variant: &GLOBAL_AVERAGE_POOL.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: GlobalAveragePoolParams { batch: self.batch, positions: self.positions, channels: self.channels },
            bindings: &[x, y],
            workgroups: (batch * channels / 4).div_ceil(64),
            cost: Cost { flops: batch * positions * channels, bytes: 4 * batch * channels * (positions + 1) },
        }
        .step(label)
    }
}

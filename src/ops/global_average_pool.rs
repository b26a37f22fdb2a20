//! Global average pooling.

use super::{Encoding, params};
use crate::plan::{Cost, HALF, Kernel, Precision, Step, Variant, View, read_stored, read_write};

params! {
    /// `Params` of `shaders/conv/global_average_pool.wgsl`.
    struct GlobalAveragePoolParams {
        batch: u32,
        positions: u32,
        channels: u32,
    }
}

/// The kernel of [`GlobalAveragePool`]. One thread averages four channels of one image.
pub static GLOBAL_AVERAGE_POOL: Kernel = Kernel {
    name: "global_average_pool",
    group: "conv",
    source: include_str!("../../shaders/conv/global_average_pool.wgsl"),
    params: GlobalAveragePoolParams::FIELDS,
    bindings: &[read_stored("x"), read_write("y")],
    variants: &[
        Variant { name: "default", constants: &[], subgroup: false },
        Variant { name: "of f16", constants: &[HALF], subgroup: false },
    ],
    overrides: &[],
};

/// Computes the mean over all positions, from \[batch, positions, channels\] to \[batch, channels\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalAveragePool {
    /// Number of images.
    pub batch: u32,
    /// Height × width.
    pub positions: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
}

impl GlobalAveragePool {
    /// Returns the step for activations that are stored at the given precision. The means are always 32-bit floats.
    pub fn step(self, label: &str, precision: Precision, x: View, y: View) -> Step {
        let (batch, positions, channels) = (u64::from(self.batch), u64::from(self.positions), u64::from(self.channels));
        Encoding {
            kernel: &GLOBAL_AVERAGE_POOL,
            variant: GLOBAL_AVERAGE_POOL.variant(match precision {
                Precision::F32 => "default",
                Precision::F16 => "of f16",
            }),
            lanes: None,
            overrides: Vec::new(),
            params: GlobalAveragePoolParams { batch: self.batch, positions: self.positions, channels: self.channels },
            bindings: &[x, y],
            workgroups: (batch * channels / 4).div_ceil(64),
            cost: Cost { flops: batch * positions * channels, bytes: batch * channels * (precision.bytes() * positions + 4) },
        }
        .step(label)
    }
}

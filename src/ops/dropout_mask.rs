//! The mask of dropout, drawn by a counter-based random number generator.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read_write};

params! {
    /// `Params` of `shaders/head/dropout_mask.wgsl`.
    struct DropoutMaskParams {
        rows: u32,
        channels: u32,
        seed: u32,
        epoch: u32,
        first_sample: u32,
        threshold: u32,
    }
}

/// The kernel of [`DropoutMask`]. One thread draws four channels of a row.
pub static DROPOUT_MASK: Kernel = Kernel {
    name: "dropout_mask",
    group: "head",
    source: include_str!("../../shaders/head/dropout_mask.wgsl"),
    params: DropoutMaskParams::FIELDS,
    bindings: &[read_write("mask")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Draws a mask \[rows, channels\] of `u32` that is 1 where a value is kept and 0 where it is dropped. The mask depends only on
/// rate, seed, epoch, sample and channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropoutMask {
    /// Number of rows: batch, or batch × height × width.
    pub rows: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// Share of the values that are dropped, in \[0, 1).
    pub rate: f32,
    /// Seed of the training run.
    pub seed: u32,
    /// Number of the epoch.
    pub epoch: u32,
    /// Position in the epoch of the sample in the first row.
    pub first_sample: u32,
}

impl DropoutMask {
    /// Returns the step that writes `mask` \[rows, channels\].
    pub fn step(self, label: &str, mask: View) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        Encoding {
            kernel: &DROPOUT_MASK,
            variant: &DROPOUT_MASK.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: self.encode(),
            bindings: &[mask],
            workgroups: (rows * channels / 4).div_ceil(64),
            cost: Cost { flops: 0, bytes: 4 * rows * channels },
        }
        .step(label)
    }

    /// Returns the bytes of the kernel's `Params`. They replace those of a recorded step to run it for other samples.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    /// Returns the threshold of the random numbers: a value is kept if its 24 random bits are at least this number.
    pub fn threshold(self) -> u32 {
        (f64::from(self.rate) * 16_777_216.0).round() as u32
    }

    fn encode(self) -> DropoutMaskParams {
        let DropoutMask { rows, channels, seed, epoch, first_sample, .. } = self;
        DropoutMaskParams { rows, channels, seed, epoch, first_sample, threshold: self.threshold() }
    }
}

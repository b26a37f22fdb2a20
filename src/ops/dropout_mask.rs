//! Dropout's mask, drawn by counter.

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

/// A thread draws four channels of a row.
pub static DROPOUT_MASK: Kernel = Kernel {
    name: "dropout_mask",
    group: "head",
    source: include_str!("../../shaders/head/dropout_mask.wgsl"),
    params: DropoutMaskParams::FIELDS,
    bindings: &[read_write("mask")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// mask\[rows, channels\] of `u32`, 1 where a value is kept: a function of seed, epoch, sample and channel alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropoutMask {
    /// Rows: the batch, or batch × height × width.
    pub rows: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// The share of values that is dropped, in \[0, 1).
    pub rate: f32,
    /// What the whole run is keyed by.
    pub seed: u32,
    /// Which epoch.
    pub epoch: u32,
    /// Position in the epoch of the first row's sample.
    pub first_sample: u32,
}

impl DropoutMask {
    /// The dispatch.
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

    /// The bytes of `Params`, to move a recorded step on to other samples.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    /// A value is kept if 24 random bits reach this.
    pub fn threshold(self) -> u32 {
        (f64::from(self.rate) * 16_777_216.0).round() as u32
    }

    fn encode(self) -> DropoutMaskParams {
        let DropoutMask { rows, channels, seed, epoch, first_sample, .. } = self;
        DropoutMaskParams { rows, channels, seed, epoch, first_sample, threshold: self.threshold() }
    }
}

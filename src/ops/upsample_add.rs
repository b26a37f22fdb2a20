//! Adds a tensor that is enlarged to twice its height and width.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/conv/upsample_add.wgsl`.
    struct UpsampleAddParams {
        batch: u32,
        height: u32,
        width: u32,
        channels: u32,
    }
}

/// The kernel of [`UpsampleAdd`]. One thread computes four channels of one pixel.
pub static UPSAMPLE_ADD: Kernel = Kernel {
    name: "upsample_add",
    group: "conv",
    source: include_str!("../../shaders/conv/upsample_add.wgsl"),
    params: UpsampleAddParams::FIELDS,
    bindings: &[read("a"), read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes y = a + x, where x \[batch, height / 2, width / 2, channels\] is enlarged by repeating each pixel twice along both
/// axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UpsampleAdd {
    /// Number of images.
    pub batch: u32,
    /// Height and width of a and y. Both are even.
    pub size: [u32; 2],
    /// Number of channels, a multiple of four.
    pub channels: u32,
}

impl UpsampleAdd {
    /// Returns the step that computes `y` from 32-bit floats.
    pub fn step(self, label: &str, a: View, x: View, y: View) -> Step {
        let UpsampleAdd { batch, size: [height, width], channels } = self;
        let outputs = u64::from(batch) * u64::from(height) * u64::from(width) * u64::from(channels);
        Encoding {
            kernel: &UPSAMPLE_ADD,
            variant: &UPSAMPLE_ADD.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: UpsampleAddParams { batch, height, width, channels },
            bindings: &[a, x, y],
            workgroups: (outputs / 4).div_ceil(64),
            cost: Cost { flops: outputs, bytes: 9 * outputs },
        }
        .step(label)
    }
}

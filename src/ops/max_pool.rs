//! Max pooling over windows of 2×2 pixels.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/conv/max_pool.wgsl`.
    struct MaxPoolParams {
        batch: u32,
        in_height: u32,
        in_width: u32,
        out_height: u32,
        out_width: u32,
        channels: u32,
    }
}

/// The kernel of [`MaxPool`]. One thread computes four channels of one output pixel.
pub static MAX_POOL: Kernel = Kernel {
    name: "max_pool",
    group: "conv",
    source: include_str!("../../shaders/conv/max_pool.wgsl"),
    params: MaxPoolParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes the maximum of each 2×2 window with stride 2, from \[batch, height, width, channels\] to
/// \[batch, ⌊height / 2⌋, ⌊width / 2⌋, channels\]. The last row or column of an odd size is not used, as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaxPool {
    /// Number of images.
    pub batch: u32,
    /// Height and width of the input.
    pub size: [u32; 2],
    /// Number of channels, a multiple of four.
    pub channels: u32,
}

impl MaxPool {
    /// Returns height and width of the output.
    pub fn out_size(self) -> [u32; 2] {
        self.size.map(|size| size / 2)
    }

    /// Returns the step that computes `y` from 32-bit floats.
    pub fn step(self, label: &str, x: View, y: View) -> Step {
        let MaxPool { batch, size: [in_height, in_width], channels } = self;
        let [out_height, out_width] = self.out_size();
        let outputs = u64::from(batch) * u64::from(out_height) * u64::from(out_width) * u64::from(channels);
        Encoding {
            kernel: &MAX_POOL,
            variant: &MAX_POOL.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: MaxPoolParams { batch, in_height, in_width, out_height, out_width, channels },
            bindings: &[x, y],
            workgroups: (outputs / 4).div_ceil(64),
            cost: Cost { flops: 3 * outputs, bytes: 20 * outputs },
        }
        .step(label)
    }
}

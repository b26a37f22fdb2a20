//! Gradient accumulation over the parts of a batch.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/optim/accumulate.wgsl`.
    struct AccumulateParams {
        quads: u32,
        kept: f32,
        weight: f32,
    }
}

/// The kernel of [`Accumulate`]. One thread updates four elements.
pub static ACCUMULATE: Kernel = Kernel {
    name: "accumulate",
    group: "optim",
    source: include_str!("../../shaders/optim/accumulate.wgsl"),
    params: AccumulateParams::FIELDS,
    bindings: &[read("gradient"), read_write("sum")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Adds the gradient of a part of a batch to the gradient of the batch: sum = kept · sum + weight · gradient.
///
/// `gradient` is the mean over the samples of the part. The first part of a batch overwrites the sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accumulate {
    /// Number of parameters, a multiple of four.
    pub count: u32,
    /// 0 for the first part of a batch, 1 for the others.
    pub kept: f32,
    /// Share of the batch's samples that are in this part.
    pub weight: f32,
}

impl Accumulate {
    /// Returns the step that adds `gradient` \[count\] to `sum` \[count\].
    pub fn step(self, label: &str, gradient: View, sum: View) -> Step {
        let count = u64::from(self.count);
        Encoding {
            kernel: &ACCUMULATE,
            variant: &ACCUMULATE.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: self.encode(),
            bindings: &[gradient, sum],
            workgroups: (count / 4).div_ceil(64),
            cost: Cost { flops: 3 * count, bytes: 12 * count },
        }
        .step(label)
    }

    /// Returns the bytes of the kernel's `Params`. They replace those of a recorded step to run it for another part.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    fn encode(self) -> AccumulateParams {
        AccumulateParams { quads: self.count / 4, kept: self.kept, weight: self.weight }
    }
}

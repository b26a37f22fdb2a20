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

/// A thread computes four elements.
pub static ACCUMULATE: Kernel = Kernel {
    name: "accumulate",
    group: "optim",
    source: include_str!("../../shaders/optim/accumulate.wgsl"),
    params: AccumulateParams::FIELDS,
    bindings: &[read("gradient"), read_write("sum")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// sum = kept · sum + weight · gradient: the gradient of a batch from the mean gradients of its parts, of which each weighs
/// its share of the samples, and the first keeps nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accumulate {
    /// Parameters, a multiple of four.
    pub count: u32,
    /// 0 for the first part of a batch, 1 for the others.
    pub kept: f32,
    /// The part's share of the batch.
    pub weight: f32,
}

impl Accumulate {
    /// The dispatch.
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

    /// The bytes of `Params`, to move a recorded step on to another part.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    fn encode(self) -> AccumulateParams {
        AccumulateParams { quads: self.count / 4, kept: self.kept, weight: self.weight }
    }
}

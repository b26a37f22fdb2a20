//! Mean loss of a batch, kept in a list.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/loss/loss_mean.wgsl`.
    struct LossMeanParams {
        count: u32,
        position: u32,
    }
}

/// One workgroup adds up the batch.
pub static LOSS_MEAN: Kernel = Kernel {
    name: "loss_mean",
    group: "loss",
    source: include_str!("../../shaders/loss/loss_mean.wgsl"),
    params: LossMeanParams::FIELDS,
    bindings: &[read("loss"), read_write("means")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// means\[position\] = Σ loss / count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossMean {
    /// Samples.
    pub count: u32,
    /// Which element of the list is written.
    pub position: u32,
}

impl LossMean {
    /// The dispatch.
    pub fn step(self, label: &str, loss: View, means: View) -> Step {
        Encoding {
            kernel: &LOSS_MEAN,
            variant: &LOSS_MEAN.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: LossMeanParams { count: self.count, position: self.position },
            bindings: &[loss, means],
            workgroups: 1,
            cost: Cost { flops: u64::from(self.count), bytes: 4 * u64::from(self.count) },
        }
        .step(label)
    }

    /// The bytes of `Params`, to move a recorded step on to another position.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&LossMeanParams { count: self.count, position: self.position }).to_vec()
    }
}

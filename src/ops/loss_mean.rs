//! Mean loss of a batch, written to one element of a list.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/loss/loss_mean.wgsl`.
    struct LossMeanParams {
        count: u32,
        position: u32,
    }
}

/// The kernel of [`LossMean`]. A single workgroup sums the losses of the batch.
pub static LOSS_MEAN: Kernel = Kernel {
    name: "loss_mean",
    group: "loss",
    source: include_str!("../../shaders/loss/loss_mean.wgsl"),
    params: LossMeanParams::FIELDS,
    bindings: &[read("loss"), read_write("means")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes the mean loss of a batch: means\[position\] = Σ loss / count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossMean {
    /// Number of samples.
    pub count: u32,
    /// Index of the element of the list that is written.
    pub position: u32,
}

impl LossMean {
    /// Returns the step that writes the mean of `loss` \[count\] to one element of `means`.
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

    /// Returns the bytes of the kernel's `Params`. They replace those of a recorded step to run it for another position.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&LossMeanParams { count: self.count, position: self.position }).to_vec()
    }
}

//! Input gradient of global average pooling.

use super::{Encoding, GlobalAveragePool, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/conv/global_average_pool_backward_input.wgsl`.
    struct GlobalAveragePoolBackwardInputParams {
        batch: u32,
        positions: u32,
        channels: u32,
    }
}

/// The kernel of [`GlobalAveragePoolBackwardInput`]. One thread stores four channels of one position.
pub static GLOBAL_AVERAGE_POOL_BACKWARD_INPUT: Kernel = Kernel {
    name: "global_average_pool_backward_input",
    group: "conv",
    source: include_str!("../../shaders/conv/global_average_pool_backward_input.wgsl"),
    params: GlobalAveragePoolBackwardInputParams::FIELDS,
    bindings: &[read("gy"), read_write("dx")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes the gradient with respect to every position, from \[batch, channels\] to \[batch, positions, channels\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalAveragePoolBackwardInput {
    /// The layer.
    pub layer: GlobalAveragePool,
}

impl GlobalAveragePoolBackwardInput {
    /// Returns the step that computes `dx`.
    pub fn step(self, label: &str, gy: View, dx: View) -> Step {
        let GlobalAveragePool { batch, positions, channels } = self.layer;
        let elements = u64::from(batch) * u64::from(positions) * u64::from(channels);
        Encoding {
            kernel: &GLOBAL_AVERAGE_POOL_BACKWARD_INPUT,
            variant: &GLOBAL_AVERAGE_POOL_BACKWARD_INPUT.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: GlobalAveragePoolBackwardInputParams { batch, positions, channels },
            bindings: &[gy, dx],
            workgroups: (elements / 4).div_ceil(64),
            cost: Cost { flops: elements, bytes: 4 * (elements + u64::from(batch) * u64::from(channels)) },
        }
        .step(label)
    }
}

//! Gradients of activations, from their outputs.

use super::{ACTIVATIONS, Activation, Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/head/activation_backward.wgsl`.
    struct ActivationBackwardParams {
        quads: u32,
    }
}

/// A thread computes four elements.
pub static ACTIVATION_BACKWARD: Kernel = Kernel {
    name: "activation_backward",
    group: "head",
    source: include_str!("../../shaders/head/activation_backward.wgsl"),
    params: ActivationBackwardParams::FIELDS,
    bindings: &[read("gy"), read("y"), read_write("dx")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[ACTIVATIONS],
};

/// dx = gy · f′ over \[rows, channels\], with f′ from y: 1 where y > 0 for ReLU, 1 where 0 < y < 6 for ReLU6, y (1 − y) for
/// the sigmoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivationBackward {
    /// Rows.
    pub rows: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
    /// Which.
    pub activation: Activation,
}

impl ActivationBackward {
    /// The dispatch.
    pub fn step(self, label: &str, gy: View, y: View, dx: View) -> Step {
        let elements = u64::from(self.rows) * u64::from(self.channels);
        Encoding {
            kernel: &ACTIVATION_BACKWARD,
            variant: &ACTIVATION_BACKWARD.variants[0],
            lanes: None,
            overrides: vec![("ACTIVATION", self.activation as u32 as f64)],
            params: ActivationBackwardParams { quads: (elements / 4) as u32 },
            bindings: &[gy, y, dx],
            workgroups: (elements / 4).div_ceil(64),
            cost: Cost { flops: 3 * elements, bytes: 12 * elements },
        }
        .step(label)
    }
}

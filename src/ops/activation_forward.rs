//! Activations, element by element, for layers whose own kernel does not apply one.

use super::activation::ACTIVATION;
use super::{Activation, Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/head/activation_forward.wgsl`.
    struct ActivationForwardParams {
        quads: u32,
    }
}

/// The kernel of [`ActivationForward`]. One thread computes four elements.
pub static ACTIVATION_FORWARD: Kernel = Kernel {
    name: "activation_forward",
    group: "head",
    source: include_str!("../../shaders/head/activation_forward.wgsl"),
    params: ActivationForwardParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[ACTIVATION],
};

/// Computes y = activation(x) on tensors \[rows, channels\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivationForward {
    /// Number of rows.
    pub rows: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// The activation.
    pub activation: Activation,
}

impl ActivationForward {
    /// Returns the step that computes `y`.
    pub fn step(self, label: &str, x: View, y: View) -> Step {
        let elements = u64::from(self.rows) * u64::from(self.channels);
        Encoding {
            kernel: &ACTIVATION_FORWARD,
            variant: &ACTIVATION_FORWARD.variants[0],
            lanes: None,
            overrides: vec![self.activation.as_override()],
            params: ActivationForwardParams { quads: (elements / 4) as u32 },
            bindings: &[x, y],
            workgroups: (elements / 4).div_ceil(64),
            cost: Cost { flops: elements, bytes: 8 * elements },
        }
        .step(label)
    }
}

//! Gradients of activations, element by element.

use super::activation::ACTIVATION;
use super::{Activation, Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/head/activation_backward.wgsl`.
    struct ActivationBackwardParams {
        quads: u32,
    }
}

/// The kernel of [`ActivationBackward`]. One thread computes four elements.
pub static ACTIVATION_BACKWARD: Kernel = Kernel {
    name: "activation_backward",
    group: "head",
    source: include_str!("../../shaders/head/activation_backward.wgsl"),
    params: ActivationBackwardParams::FIELDS,
    bindings: &[read("gy"), read("basis"), read_write("dx")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[ACTIVATION],
};

/// Computes dx = gy · f′ on tensors \[rows, channels\], where f′ is [`Activation::derivative`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivationBackward {
    /// Number of rows.
    pub rows: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// The activation.
    pub activation: Activation,
}

impl ActivationBackward {
    /// Returns the step that computes `dx`. `basis` holds the input or the output of the activation, as
    /// [`Activation::gradient_basis`] says.
    pub fn step(self, label: &str, gy: View, basis: View, dx: View) -> Step {
        let elements = u64::from(self.rows) * u64::from(self.channels);
        Encoding {
            kernel: &ACTIVATION_BACKWARD,
            variant: &ACTIVATION_BACKWARD.variants[0],
            lanes: None,
            overrides: vec![self.activation.as_override()],
            params: ActivationBackwardParams { quads: (elements / 4) as u32 },
            bindings: &[gy, basis, dx],
            workgroups: (elements / 4).div_ceil(64),
            cost: Cost { flops: 3 * elements, bytes: 12 * elements },
        }
        .step(label)
    }
}

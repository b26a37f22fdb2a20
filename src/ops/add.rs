//! Sum of two tensors.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/head/add.wgsl`.
    struct AddParams {
        quads: u32,
    }
}

/// The kernel of [`Add`]. One thread computes four elements.
pub static ADD: Kernel = Kernel {
    name: "add",
    group: "head",
    source: include_str!("../../shaders/head/add.wgsl"),
    params: AddParams::FIELDS,
    bindings: &[read("a"), read("b"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes y = a + b on tensors \[rows, channels\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Add {
    /// Number of rows.
    pub rows: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
}

impl Add {
    /// Returns the step that computes `y`.
    pub fn step(self, label: &str, a: View, b: View, y: View) -> Step {
        let elements = u64::from(self.rows) * u64::from(self.channels);
        Encoding {
            kernel: &ADD,
            variant: &ADD.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: AddParams { quads: (elements / 4) as u32 },
            bindings: &[a, b, y],
            workgroups: (elements / 4).div_ceil(64),
            cost: Cost { flops: elements, bytes: 12 * elements },
        }
        .step(label)
    }
}

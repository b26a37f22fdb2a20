//! Inverted dropout with a given mask. The input gradient is computed by the same formula.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/head/dropout.wgsl`.
    struct DropoutParams {
        quads: u32,
        scale: f32,
    }
}

/// The kernel of [`Dropout`]. One thread computes four elements.
pub static DROPOUT: Kernel = Kernel {
    name: "dropout",
    group: "head",
    source: include_str!("../../shaders/head/dropout.wgsl"),
    params: DropoutParams::FIELDS,
    bindings: &[read("x"), read("mask"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes y = x · mask / (1 − rate) on tensors \[rows, channels\]. Applied to gy instead of x, it computes the input gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Number of rows.
    pub rows: u32,
    /// Number of channels, a multiple of four.
    pub channels: u32,
    /// Share of the values that are dropped, in \[0, 1).
    pub rate: f32,
}

impl Dropout {
    /// Returns the step that computes `y` from `x` and `mask`, each \[rows, channels\]. `mask` holds `u32`: 1 keeps a value, and
    /// 0 drops it.
    pub fn step(self, label: &str, x: View, mask: View, y: View) -> Step {
        let elements = u64::from(self.rows) * u64::from(self.channels);
        Encoding {
            kernel: &DROPOUT,
            variant: &DROPOUT.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: DropoutParams { quads: (elements / 4) as u32, scale: (1.0 / (1.0 - f64::from(self.rate))) as f32 },
            bindings: &[x, mask, y],
            workgroups: (elements / 4).div_ceil(64),
            cost: Cost { flops: elements, bytes: 12 * elements },
        }
        .step(label)
    }
}

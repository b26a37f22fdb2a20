//! Transpose of a matrix.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/head/transpose.wgsl`.
    struct TransposeParams {
        rows: u32,
        columns: u32,
    }
}

/// The kernel of [`Transpose`]. One thread transposes a block of 4 × 4 elements.
pub static TRANSPOSE: Kernel = Kernel {
    name: "transpose",
    group: "head",
    source: include_str!("../../shaders/head/transpose.wgsl"),
    params: TransposeParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Transposes x \[rows, columns\] to y \[columns, rows\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transpose {
    /// Number of rows of x, a multiple of four.
    pub rows: u32,
    /// Number of columns of x, a multiple of four.
    pub columns: u32,
}

impl Transpose {
    /// Returns the step that computes `y` \[columns, rows\] from `x` \[rows, columns\].
    pub fn step(self, label: &str, x: View, y: View) -> Step {
        let (rows, columns) = (u64::from(self.rows), u64::from(self.columns));
        Encoding {
            kernel: &TRANSPOSE,
            variant: &TRANSPOSE.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: TransposeParams { rows: self.rows, columns: self.columns },
            bindings: &[x, y],
            workgroups: (rows / 4 * columns / 4).div_ceil(64),
            cost: Cost { flops: 0, bytes: 8 * rows * columns },
        }
        .step(label)
    }
}

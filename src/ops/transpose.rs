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

/// A thread turns a block of 4 × 4.
pub static TRANSPOSE: Kernel = Kernel {
    name: "transpose",
    group: "head",
    source: include_str!("../../shaders/head/transpose.wgsl"),
    params: TransposeParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// x\[rows, columns\] to y\[columns, rows\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transpose {
    /// Rows of x, a multiple of four.
    pub rows: u32,
    /// Columns of x, a multiple of four.
    pub columns: u32,
}

impl Transpose {
    /// The dispatch.
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

//! Sums of columns: the gradient of a bias.

use super::{Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/head/column_sum.wgsl`.
    struct ColumnSumParams {
        rows: u32,
        channels: u32,
    }
}

/// Sixteen threads add up four channels of all rows.
pub static COLUMN_SUM: Kernel = Kernel {
    name: "column_sum",
    group: "head",
    source: include_str!("../../shaders/head/column_sum.wgsl"),
    params: ColumnSumParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// y\[channels\] = Σ over the rows of x\[rows, channels\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnSum {
    /// Rows.
    pub rows: u32,
    /// Channels, a multiple of four.
    pub channels: u32,
}

impl ColumnSum {
    /// The dispatch.
    pub fn step(self, label: &str, x: View, y: View) -> Step {
        let (rows, channels) = (u64::from(self.rows), u64::from(self.channels));
        Encoding {
            kernel: &COLUMN_SUM,
            variant: &COLUMN_SUM.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: ColumnSumParams { rows: self.rows, channels: self.channels },
            bindings: &[x, y],
            workgroups: (channels / 4).div_ceil(4),
            cost: Cost { flops: rows * channels, bytes: 4 * (rows + 1) * channels },
        }
        .step(label)
    }
}

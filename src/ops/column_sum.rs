//! Sums of columns, which are the weight gradient of a bias.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, RowParts, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/head/column_sum.wgsl`.
    struct ColumnSumParams {
        rows: u32,
        channels: u32,
        rows_a_part: u32,
    }
}

/// The kernel of [`ColumnSum`]. Sixteen threads sum four channels over the rows of a part.
pub static COLUMN_SUM: Kernel = Kernel {
    name: "column_sum",
    group: "head",
    source: include_str!("../../shaders/head/column_sum.wgsl"),
    params: ColumnSumParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Sums x \[rows, channels\] over the rows of each part. [`SumOfParts`](super::SumOfParts) adds the parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnSum {
    /// Rows of x, and the parts in which they are summed.
    pub rows: RowParts,
    /// Number of channels, a multiple of four.
    pub channels: u32,
}

impl ColumnSum {
    /// Returns the step that computes `y` \[parts, channels\] from `x` \[rows, channels\].
    pub fn step(self, label: &str, x: View, y: View) -> Step {
        let (rows, channels) = (u64::from(self.rows.rows), u64::from(self.channels));
        let parts = u64::from(self.rows.count());
        Encoding {
            kernel: &COLUMN_SUM,
            variant: &COLUMN_SUM.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: ColumnSumParams { rows: self.rows.rows, channels: self.channels, rows_a_part: self.rows.rows_a_part },
            bindings: &[x, y],
            workgroups: parts * (channels / 4).div_ceil(4),
            cost: Cost { flops: rows * channels, bytes: 4 * (rows + parts) * channels },
        }
        .step(label)
    }
}

//! All distances between pairs of rows.

use super::distance_tile::{RowFormat, distance_variants, workgroup_rows};
use super::{Encoding, Metric, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/pairwise.wgsl`.
    struct PairwiseParams {
        rows: u32,
        quads: u32,
        columns: u32,
        first_row: u32,
        end_row: u32,
    }
}

/// A workgroup writes the distances of some rows to some of a slice.
pub static PAIRWISE: Kernel = Kernel {
    name: "pairwise",
    group: "cluster",
    source: include_str!("../../shaders/cluster/pairwise.wgsl"),
    params: PairwiseParams::FIELDS,
    bindings: &[read("rows"), read("traits"), read_write("distances")],
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("subgroup 4x8", 4 x 8, subgroup),
        ("workgroup 1x16", 1 x 16, workgroup),
        ("workgroup 4x8", 4 x 8, workgroup),
        ("subgroup bits 4x16", 4 x 16, subgroup_bits),
        ("workgroup bits 4x8", 4 x 8, workgroup_bits),
    ],
    overrides: &[("METRIC", &[0, 1, 2, 3])],
};

/// Distances of all rows from `first_row` on to the rows `first_row..end_row`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PairwiseSlice {
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
    /// How rows are laid out.
    pub format: RowFormat,
    /// First row of the slice.
    pub first_row: u32,
    /// The row after its last.
    pub end_row: u32,
    /// Distance.
    pub metric: Metric,
}

impl PairwiseSlice {
    /// Work of the slice.
    pub fn cost(self) -> Cost {
        let PairwiseSlice { rows, columns, format, first_row, end_row, .. } = self;
        let (n, m, quads) = (u64::from(rows - first_row), u64::from(end_row - first_row), format.quads(columns));
        let bytes = u64::from(quads * format.quad_bytes() + 4) * n + 4 * n * m;
        Cost { flops: (format.operations(quads) + 1) * n * m, bytes }
    }

    /// The bytes of `Params`, to change the slice of a step that was planned: for as many rows at most.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encoded()).to_vec()
    }

    fn encoded(self) -> PairwiseParams {
        let PairwiseSlice { rows, columns, format, first_row, end_row, .. } = self;
        PairwiseParams { rows, quads: format.quads(columns), columns, first_row, end_row }
    }

    /// The dispatch over rows and traits; writes distances.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: Option<u32>, views: [View; 3]) -> Step {
        let tiles = (self.rows - self.first_row).div_ceil(workgroup_rows(variant, lanes));
        let others = (self.end_row - self.first_row).div_ceil(variant.constant("COLUMNS"));
        Encoding {
            kernel: &PAIRWISE,
            variant,
            lanes,
            overrides: vec![("METRIC", f64::from(self.metric as u32))],
            params: self.encoded(),
            bindings: &views,
            workgroups: u64::from(tiles) * u64::from(others),
            cost: self.cost(),
        }
        .step(label)
    }
}

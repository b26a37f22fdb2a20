//! The distances between all pairs of rows, one slice of rows at a time.

use super::SubgroupSize;
use super::distance_tile::{RowFormat, distance_variants, tile_columns, tile_rows};
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

/// The kernel: a workgroup computes the distances from some of the rows to some of the rows of a slice.
pub static PAIRWISE: Kernel = Kernel {
    name: "pairwise",
    group: "cluster",
    source: include_str!("../../shaders/cluster/pairwise.wgsl"),
    params: PairwiseParams::FIELDS,
    bindings: &[read("rows"), read("traits"), read_write("distances")],
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("subgroup 4x8", 4 x 8, subgroup),
        ("workgroup 64x64", 8 x 8, workgroup 8 4),
        ("subgroup bits 4x16", 4 x 16, subgroup_bits),
        ("workgroup bits 64x64", 8 x 8, workgroup_bits 8 2),
    ],
    overrides: &[("METRIC", &[0, 1, 2, 3])],
};

/// Computes the distances between the rows `first_row..end_row` and all rows from `first_row` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PairwiseSlice {
    /// Number of rows.
    pub rows: u32,
    /// Number of columns without padding.
    pub columns: u32,
    /// Layout of the rows.
    pub format: RowFormat,
    /// Index of the first row of the slice.
    pub first_row: u32,
    /// Index of the row after the last one of the slice.
    pub end_row: u32,
    /// Distance between two rows.
    pub metric: Metric,
}

impl PairwiseSlice {
    /// Returns the work of the slice.
    pub fn cost(self) -> Cost {
        let PairwiseSlice { rows, columns, format, first_row, end_row, .. } = self;
        let (n, m, quads) = (u64::from(rows - first_row), u64::from(end_row - first_row), format.quads(columns));
        let bytes = u64::from(quads * format.quad_bytes() + 4) * n + 4 * n * m;
        Cost { flops: (format.operations(quads) + 1) * n * m, bytes }
    }

    /// Returns the bytes of `Params`, with which a planned step can be run on another slice. That slice must not have more rows
    /// than the planned one, nor begin before it.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encoded()).to_vec()
    }

    fn encoded(self) -> PairwiseParams {
        let PairwiseSlice { rows, columns, format, first_row, end_row, .. } = self;
        PairwiseParams { rows, quads: format.quads(columns), columns, first_row, end_row }
    }

    /// Returns the dispatch. It reads `views[0]`, the rows, and `views[1]`, the traits, and writes `views[2]`, the distances,
    /// `[end_row − first_row, rows]`.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: impl Into<SubgroupSize>, views: [View; 3]) -> Step {
        let lanes = lanes.into().get();
        let tiles = (self.rows - self.first_row).div_ceil(tile_rows(variant, lanes));
        let others = (self.end_row - self.first_row).div_ceil(tile_columns(variant));
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

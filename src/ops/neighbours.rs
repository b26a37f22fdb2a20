//! The neighbours of each row: the rows within a radius of it.

use super::SubgroupSize;
use super::distance_tile::{RowFormat, distance_variants, tile_rows};
use super::{Encoding, Metric, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/neighbours.wgsl`.
    struct NeighboursParams {
        rows: u32,
        quads: u32,
        columns: u32,
        first_row: u32,
        end_row: u32,
        radius: f32,
    }
}

/// The kernel: a workgroup compares some of the rows with all rows.
pub static NEIGHBOURS: Kernel = Kernel {
    name: "neighbours",
    group: "cluster",
    source: include_str!("../../shaders/cluster/neighbours.wgsl"),
    params: NeighboursParams::FIELDS,
    bindings: &[read("rows"), read("traits"), read("occurrences"), read_write("within"), read_write("counts")],
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("workgroup 48x64", 6 x 8, workgroup 8 2),
        ("subgroup bits 4x16", 4 x 16, subgroup_bits),
        ("workgroup bits 32x64", 4 x 8, workgroup_bits 8 2),
    ],
    overrides: &[("METRIC", &[0, 1, 2, 3])],
};

/// Finds the neighbours of the rows `first_row..end_row` among all rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeighbourSlice {
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
    /// Largest distance between two neighbours.
    pub radius: f32,
}

impl NeighbourSlice {
    /// Returns the number of 32-bit words that hold one bit for each of `rows` rows.
    pub fn words(rows: u32) -> u32 {
        rows.div_ceil(32)
    }

    /// Returns the work of the slice.
    pub fn cost(self) -> Cost {
        let NeighbourSlice { rows, columns, format, first_row, end_row, .. } = self;
        let (n, m, quads) = (u64::from(rows), u64::from(end_row - first_row), format.quads(columns));
        let bytes = u64::from(quads * format.quad_bytes() + 8) * n + 4 * (u64::from(Self::words(rows)) + 1) * m;
        Cost { flops: (format.operations(quads) + 2) * n * m, bytes }
    }

    /// Returns the bytes of `Params`, with which a planned step can be run on another slice of at most as many rows.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encoded()).to_vec()
    }

    fn encoded(self) -> NeighboursParams {
        let NeighbourSlice { rows, columns, format, first_row, end_row, radius, .. } = self;
        NeighboursParams { rows, quads: format.quads(columns), columns, first_row, end_row, radius }
    }

    /// Returns the dispatch. It reads `views[0..3]`, the rows, traits and occurrences. It writes `views[3]`, one bit for each row
    /// that says whether it is a neighbour, `[end_row − first_row, ⌈rows / 32⌉]`, and `views[4]`, the counts, `[end_row −
    /// first_row]`.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: impl Into<SubgroupSize>, views: [View; 5]) -> Step {
        let lanes = lanes.into().get();
        Encoding {
            kernel: &NEIGHBOURS,
            variant,
            lanes,
            overrides: vec![("METRIC", f64::from(self.metric as u32))],
            params: self.encoded(),
            bindings: &views,
            workgroups: u64::from((self.end_row - self.first_row).div_ceil(tile_rows(variant, lanes))),
            cost: self.cost(),
        }
        .step(label)
    }
}

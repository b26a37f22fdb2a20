//! Which rows lie within a radius of each.

use super::distance_tile::{RowFormat, distance_variants, workgroup_rows};
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

/// A workgroup holds some rows and passes all rows by them.
pub static NEIGHBOURS: Kernel = Kernel {
    name: "neighbours",
    group: "cluster",
    source: include_str!("../../shaders/cluster/neighbours.wgsl"),
    params: NeighboursParams::FIELDS,
    bindings: &[read("rows"), read("traits"), read("occurrences"), read_write("within"), read_write("counts")],
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("workgroup 4x8", 4 x 8, workgroup),
        ("subgroup bits 4x16", 4 x 16, subgroup_bits),
        ("workgroup bits 4x8", 4 x 8, workgroup_bits),
    ],
    overrides: &[("METRIC", &[0, 1, 2, 3])],
};

/// The neighbours of `first_row..end_row` among all rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeighbourSlice {
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
    /// How far a neighbour may be.
    pub radius: f32,
}

impl NeighbourSlice {
    /// Words of a row of bits.
    pub fn words(rows: u32) -> u32 {
        rows.div_ceil(32)
    }

    /// Work of the slice.
    pub fn cost(self) -> Cost {
        let NeighbourSlice { rows, columns, format, first_row, end_row, .. } = self;
        let (n, m, quads) = (u64::from(rows), u64::from(end_row - first_row), format.quads(columns));
        let bytes = u64::from(quads * format.quad_bytes() + 8) * n + 4 * (u64::from(Self::words(rows)) + 1) * m;
        Cost { flops: (format.operations(quads) + 2) * n * m, bytes }
    }

    /// The bytes of `Params`, to change the slice of a step that was planned: for as many rows at most.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encoded()).to_vec()
    }

    fn encoded(self) -> NeighboursParams {
        let NeighbourSlice { rows, columns, format, first_row, end_row, radius, .. } = self;
        NeighboursParams { rows, quads: format.quads(columns), columns, first_row, end_row, radius }
    }

    /// The dispatch over rows, traits and occurrences; writes bits and counts.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: Option<u32>, views: [View; 5]) -> Step {
        Encoding {
            kernel: &NEIGHBOURS,
            variant,
            lanes,
            overrides: vec![("METRIC", f64::from(self.metric as u32))],
            params: self.encoded(),
            bindings: &views,
            workgroups: u64::from((self.end_row - self.first_row).div_ceil(workgroup_rows(variant, lanes))),
            cost: self.cost(),
        }
        .step(label)
    }
}

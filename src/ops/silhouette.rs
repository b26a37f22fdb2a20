//! The silhouette of every row under a clustering, and the metrics by which rows are compared.

use super::SubgroupSize;
use super::distance_tile::{RowFormat, distance_variants, tile_rows};
use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/silhouette.wgsl`.
    struct SilhouetteParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        first_row: u32,
        end_row: u32,
        columns: u32,
    }
}

/// The kernel: a workgroup compares some of the rows with all rows, cluster by cluster.
pub static SILHOUETTE: Kernel = Kernel {
    name: "silhouette",
    group: "cluster",
    source: include_str!("../../shaders/cluster/silhouette.wgsl"),
    params: SilhouetteParams::FIELDS,
    bindings: &[read("rows"), read("traits"), read("starts"), read("occurrences"), read_write("silhouettes")],
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("subgroup 4x8", 4 x 8, subgroup),
        ("workgroup 48x56", 6 x 7, workgroup 8 2),
        ("subgroup 64 bits 8x8", 8 x 8, subgroup_held_bits 1),
        ("subgroup 128 bits 4x8", 4 x 8, subgroup_held_bits 2),
        ("workgroup 64 bits 2x64", 2 x 64, workgroup_held_bits 1),
        ("workgroup 128 bits 2x64", 2 x 64, workgroup_held_bits 2),
    ],
    overrides: &[("METRIC", &[0, 1, 2, 3])],
};

/// The distance between two rows a and b.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// √Σ (a − b)²
    #[default]
    Euclidean = 0,
    /// Σ |a − b|
    Manhattan = 1,
    /// 1 − a·b / (|a| |b|), or 1 if a or b is all zeros
    Cosine = 2,
    /// The share of columns in which a and b differ
    Hamming = 3,
}

/// Computes the silhouettes of the rows `first_row..end_row` among all rows, which are sorted by cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SilhouetteSlice {
    /// Number of rows. A row can represent several equal ones.
    pub rows: u32,
    /// Number of columns without padding.
    pub columns: u32,
    /// Layout of the rows.
    pub format: RowFormat,
    /// Number of clusters.
    pub clusters: u32,
    /// Index of the first row of the slice.
    pub first_row: u32,
    /// Index of the row after the last one of the slice.
    pub end_row: u32,
    /// Distance between two rows.
    pub metric: Metric,
}

impl SilhouetteSlice {
    /// Returns the layout to use for rows of `columns` columns: bits if all values are 0 or 1 (`binary`) and a variant supports
    /// that many columns, f32 values otherwise.
    pub fn format(binary: bool, columns: u32) -> RowFormat {
        let widest =
            SILHOUETTE.variants.iter().filter(|variant| variant.constant("BITS") == 1).map(|variant| variant.constant("QUADS"));
        if binary && widest.max() >= Some(RowFormat::Bits.quads(columns)) { RowFormat::Bits } else { RowFormat::Numbers }
    }

    /// Returns whether `variant` supports rows of this layout and number of columns.
    pub fn suits(self, variant: &Variant) -> bool {
        match self.format {
            RowFormat::Numbers => variant.constant("BITS") == 0,
            RowFormat::Bits => variant.constant("BITS") == 1 && variant.constant("QUADS") == self.format.quads(self.columns),
        }
    }

    /// Returns the work of the slice.
    pub fn cost(self) -> Cost {
        let SilhouetteSlice { rows, columns, format, first_row, end_row, .. } = self;
        let (n, m, quads) = (u64::from(rows), u64::from(end_row - first_row), format.quads(columns));
        let bytes = u64::from(quads * format.quad_bytes()) * n + 12 * m;
        Cost { flops: (format.operations(quads) + 2) * n * m, bytes }
    }

    /// Returns the bytes of `Params`, with which a planned step can be run on another slice.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encoded()).to_vec()
    }

    fn encoded(self) -> SilhouetteParams {
        let SilhouetteSlice { rows, columns, format, clusters, first_row, end_row, .. } = self;
        SilhouetteParams { rows, quads: format.quads(columns), clusters, first_row, end_row, columns }
    }

    /// Returns the dispatch. It reads `views[0..4]`, the rows, traits, starts and occurrences, and writes `views[4]`, the
    /// silhouettes, `[rows]`.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: impl Into<SubgroupSize>, views: [View; 5]) -> Step {
        let lanes = lanes.into().get();
        let SilhouetteSlice { first_row, end_row, metric, .. } = self;
        Encoding {
            kernel: &SILHOUETTE,
            variant,
            lanes,
            overrides: vec![("METRIC", f64::from(metric as u32))],
            params: self.encoded(),
            bindings: &views,
            workgroups: u64::from((end_row - first_row).div_ceil(tile_rows(variant, lanes))),
            cost: self.cost(),
        }
        .step(label)
    }
}

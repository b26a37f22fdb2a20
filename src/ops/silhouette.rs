//! Silhouette of every row.

use super::distance_tile::{RowFormat, distance_variants, workgroup_rows};
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

/// A workgroup holds some rows and passes all rows by them, cluster by cluster.
pub static SILHOUETTE: Kernel = Kernel {
    name: "silhouette",
    group: "cluster",
    source: include_str!("../../shaders/cluster/silhouette.wgsl"),
    params: SilhouetteParams::FIELDS,
    bindings: &[read("rows"), read("traits"), read("starts"), read("occurrences"), read_write("silhouettes")],
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("subgroup 4x8", 4 x 8, subgroup),
        ("workgroup 1x16", 1 x 16, workgroup),
        ("workgroup 4x8", 4 x 8, workgroup),
        ("subgroup 64 bits 8x8", 8 x 8, subgroup_held_bits 1),
        ("subgroup 128 bits 4x8", 4 x 8, subgroup_held_bits 2),
        ("workgroup 64 bits 2x64", 2 x 64, workgroup_held_bits 1),
        ("workgroup 128 bits 2x64", 2 x 64, workgroup_held_bits 2),
    ],
    overrides: &[("METRIC", &[0, 1, 2, 3])],
};

/// How far two rows are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// √Σ (a − b)²
    #[default]
    Euclidean = 0,
    /// Σ |a − b|
    Manhattan = 1,
    /// 1 − a·b / (|a| |b|); 1 to and from a row of zeros
    Cosine = 2,
    /// The share of columns that differ
    Hamming = 3,
}

/// The silhouettes of `first_row..end_row` among all rows, which are sorted by cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SilhouetteSlice {
    /// Distinct rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
    /// How rows are laid out.
    pub format: RowFormat,
    /// Clusters.
    pub clusters: u32,
    /// First row of the slice.
    pub first_row: u32,
    /// The row after its last.
    pub end_row: u32,
    /// Distance.
    pub metric: Metric,
}

impl SilhouetteSlice {
    /// The format of rows of so many columns, which are all 0 or 1 if they are `binary`: as bits where a variant can hold them.
    pub fn format(binary: bool, columns: u32) -> RowFormat {
        let widest =
            SILHOUETTE.variants.iter().filter(|variant| variant.constant("BITS") == 1).map(|variant| variant.constant("QUADS"));
        if binary && widest.max() >= Some(RowFormat::Bits.quads(columns)) { RowFormat::Bits } else { RowFormat::Numbers }
    }

    /// Whether `variant` is made for rows of this format and width.
    pub fn suits(self, variant: &Variant) -> bool {
        match self.format {
            RowFormat::Numbers => variant.constant("BITS") == 0,
            RowFormat::Bits => variant.constant("BITS") == 1 && variant.constant("QUADS") == self.format.quads(self.columns),
        }
    }

    /// Work of the slice.
    pub fn cost(self) -> Cost {
        let SilhouetteSlice { rows, columns, format, first_row, end_row, .. } = self;
        let (n, m, quads) = (u64::from(rows), u64::from(end_row - first_row), format.quads(columns));
        let bytes = u64::from(quads * format.quad_bytes()) * n + 12 * m;
        Cost { flops: (format.operations(quads) + 2) * n * m, bytes }
    }

    /// The bytes of `Params`, to change the slice of a step that was planned.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encoded()).to_vec()
    }

    fn encoded(self) -> SilhouetteParams {
        let SilhouetteSlice { rows, columns, format, clusters, first_row, end_row, .. } = self;
        SilhouetteParams { rows, quads: format.quads(columns), clusters, first_row, end_row, columns }
    }

    /// The dispatch over rows, traits, starts and occurrences; writes silhouettes.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: Option<u32>, views: [View; 5]) -> Step {
        let SilhouetteSlice { first_row, end_row, metric, .. } = self;
        Encoding {
            kernel: &SILHOUETTE,
            variant,
            lanes,
            overrides: vec![("METRIC", f64::from(metric as u32))],
            params: self.encoded(),
            bindings: &views,
            workgroups: u64::from((end_row - first_row).div_ceil(workgroup_rows(variant, lanes))),
            cost: self.cost(),
        }
        .step(label)
    }
}

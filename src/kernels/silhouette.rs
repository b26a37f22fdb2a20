//! Silhouette of every row.

use super::distance_tile::{distance_variants, workgroup_rows};
use super::{Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/cluster/silhouette.wgsl`.
    struct SilhouetteParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        first_row: u32,
        end_row: u32,
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
    ],
    overrides: &[("METRIC", &[0, 1, 2])],
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
}

/// The silhouettes of `first_row..end_row` among all rows, which are sorted by cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SilhouetteSlice {
    /// Distinct rows.
    pub rows: u32,
    /// Columns, a multiple of four.
    pub columns: u32,
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
    /// Work of `slice_rows` rows among `rows`.
    pub fn cost(rows: u32, columns: u32, slice_rows: u32) -> Cost {
        let (n, d, m) = (u64::from(rows), u64::from(columns), u64::from(slice_rows));
        Cost { flops: 3 * d * n * m, bytes: 4 * d * n + 12 * m }
    }

    /// The dispatch over rows, traits, starts and occurrences; writes silhouettes.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: Option<u32>, views: [View; 5]) -> Step {
        let SilhouetteSlice { rows, columns, clusters, first_row, end_row, metric } = self;
        Encoding {
            kernel: &SILHOUETTE,
            variant,
            lanes,
            overrides: vec![("METRIC", f64::from(metric as u32))],
            params: SilhouetteParams { rows, quads: columns / 4, clusters, first_row, end_row },
            bindings: &views,
            workgroups: u64::from((end_row - first_row).div_ceil(workgroup_rows(variant, lanes))),
            cost: Self::cost(rows, columns, end_row - first_row),
        }
        .step(label)
    }
}

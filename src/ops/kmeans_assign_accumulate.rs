//! Assigns each row to the nearest centre of k-means and sums the rows of each cluster, in one pass over rows of f32 values.

use super::distance_tile::{RowFormat, distance_variant_of, distance_variants};
use super::{Encoding, KmeansAssign, KmeansShape, SubgroupSize, Ties, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_stored, read_write};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of `shaders/cluster/kmeans_assign_accumulate.wgsl`.
    struct KmeansAssignAccumulateParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        chunks: u32,
        finished_too: u32,
    }
}

/// The kernel: one workgroup assigns and sums a chunk of rows.
pub static KMEANS_ASSIGN_ACCUMULATE: Kernel = Kernel {
    name: "kmeans_assign_accumulate",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_assign_accumulate.wgsl"),
    params: KmeansAssignAccumulateParams::FIELDS,
    bindings: &[
        read_stored("rows"),
        read("weights"),
        read_stored("centers"),
        read("keys"),
        read("states"),
        read_write("labels"),
        read_write("distances"),
        read_write("partials"),
    ],
    variants: distance_variants![
        ("subgroup 8x16 wide", 8 x 16, subgroup_chunk_wide 1024),
        ("subgroup 4x16", 4 x 16, subgroup_chunk 1024),
        ("subgroup 4x8", 4 x 8, subgroup_chunk 1024),
        ("subgroup 4x4", 4 x 4, subgroup_chunk 1024),
        ("workgroup 192x16", 6 x 8, workgroup_chunk 2 2 192),
    ],
    overrides: &[("TIES_BY_KEY", &[0, 1]), ("WEIGHTED", &[0, 1])],
};

/// Finds the nearest centre of every row, for every restart, and computes for each chunk of rows and each cluster Σ w x, Σ w,
/// Σ w · distance and the number of changed labels, where w is the weight of a row x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansAssignAccumulate {
    /// Sizes of the data.
    pub shape: KmeansShape,
    /// The rule for equally near centres.
    pub ties: Ties,
    /// Whether any weight differs from 1.
    pub weighted: bool,
    /// Whether finished restarts are processed as well, as is needed for the labels of the final centres.
    pub finished_too: bool,
}

impl KmeansAssignAccumulate {
    /// The largest number of clusters for which this pays. With more, the partial sums of a chunk come near the size of its rows,
    /// and reading the rows once more is a small part of the work.
    pub const MAX_CLUSTERS: u32 = 64;

    /// Returns whether a variant supports a shape: rows of a wide variant have an even number of quads.
    pub fn suits(variant: &Variant, shape: KmeansShape) -> bool {
        !variant.is_wide() || shape.quads().is_multiple_of(2)
    }

    /// Returns the variant for a device: a wide one where the shape and the adapter allow it.
    pub fn variant(profile: &DeviceProfile, shape: KmeansShape) -> &'static Variant {
        let wide = profile.capabilities.shader_int64 && shape.quads().is_multiple_of(2);
        distance_variant_of(profile, &KMEANS_ASSIGN_ACCUMULATE, shape.clusters, |variant| !variant.is_wide() || wide)
    }

    /// Returns the number of chunks of `rows` rows.
    pub fn chunks(variant: &Variant, rows: u32) -> u32 {
        rows.div_ceil(variant.constant("CHUNK"))
    }

    /// Returns the dispatch. It reads `views[0..5]`, the rows, weights, centers, keys and states, and writes `views[5]`, the
    /// labels, and `views[6]`, the squared distances, both `[restarts, rows]`, and `views[7]`, the partial sums, `[restarts,
    /// chunks, clusters, columns + 4]`.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: impl Into<SubgroupSize>, views: [View; 8]) -> Step {
        let lanes = lanes.into().get();
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let (quads, chunks) = (self.shape.quads(), Self::chunks(variant, rows));
        let [n, r, c, k, q] = [rows, restarts, chunks, clusters, quads + 1].map(u64::from);
        let assign = KmeansAssign::cost(self.shape, RowFormat::Numbers);
        Encoding {
            kernel: &KMEANS_ASSIGN_ACCUMULATE,
            variant,
            lanes,
            overrides: vec![
                ("TIES_BY_KEY", f64::from(u8::from(self.ties == Ties::ByKey))),
                ("WEIGHTED", f64::from(u8::from(self.weighted))),
            ],
            params: KmeansAssignAccumulateParams {
                rows,
                quads,
                clusters,
                restarts,
                chunks,
                finished_too: u32::from(self.finished_too),
            },
            bindings: &views,
            workgroups: r * c,
            cost: Cost { flops: assign.flops + 4 * q * n * r, bytes: assign.bytes + 16 * q * r * c * k },
        }
        .step(label)
    }
}

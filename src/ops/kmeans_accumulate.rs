//! Sums the rows of each k-means cluster, for each chunk of rows. This is the first half of the update of the centres.

use super::{Encoding, KmeansShape, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/kmeans_accumulate.wgsl`.
    struct KmeansAccumulateParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        chunks: u32,
        chunk_rows: u32,
        finished_too: u32,
    }
}

/// The kernel: one thread sums one vec4 column of one chunk of rows.
pub static KMEANS_ACCUMULATE: Kernel = Kernel {
    name: "kmeans_accumulate",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_accumulate.wgsl"),
    params: KmeansAccumulateParams::FIELDS,
    bindings: &[read("rows"), read("weights"), read("labels"), read("distances"), read("states"), read_write("partials")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Computes, for each chunk of rows and each cluster, Σ w x, Σ w, Σ w · distance and the number of changed labels, where w is the
/// weight of a row x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansAccumulate {
    /// Sizes of the data.
    pub shape: KmeansShape,
    /// Number of rows in a chunk.
    pub chunk_rows: u32,
    /// Whether finished restarts are processed as well.
    pub finished_too: bool,
}

impl KmeansAccumulate {
    /// Returns a number of rows in a chunk that suits `clusters` clusters: large enough that clearing and reducing the sums costs
    /// little compared with adding the rows, and small enough that a plain f32 sum over a chunk is accurate.
    pub fn chunk_rows(clusters: u32) -> u32 {
        clusters.saturating_mul(4).next_power_of_two().clamp(256, 4096)
    }

    /// Returns the number of chunks.
    pub fn chunks(self) -> u32 {
        self.shape.rows.div_ceil(self.chunk_rows)
    }

    /// Returns the dispatch. It reads `views[0..5]`, the rows, weights, labels, distances and states, and writes `views[5]`, the
    /// partial sums, `[restarts, chunks, clusters, columns + 4]`.
    pub fn step(self, label: &str, views: [View; 6]) -> Step {
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let (quads, chunks) = (self.shape.quads(), self.chunks());
        let (n, r, c, q) = (u64::from(rows), u64::from(restarts), u64::from(chunks), u64::from(quads) + 1);
        Encoding {
            kernel: &KMEANS_ACCUMULATE,
            variant: &KMEANS_ACCUMULATE.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: KmeansAccumulateParams {
                rows,
                quads,
                clusters,
                restarts,
                chunks,
                chunk_rows: self.chunk_rows,
                finished_too: u32::from(self.finished_too),
            },
            bindings: &views,
            workgroups: (r * c * q).div_ceil(64),
            cost: Cost { flops: 8 * q * n * r, bytes: r * (16 * q * (n + c * u64::from(clusters)) + 12 * n) },
        }
        .step(label)
    }
}

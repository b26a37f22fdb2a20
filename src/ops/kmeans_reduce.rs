//! Adds up the sums of all chunks of rows. This is the second half of the update of the centres of k-means.

use super::{Encoding, KmeansShape, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/kmeans_reduce.wgsl`.
    struct KmeansReduceParams {
        restarts: u32,
        chunks: u32,
        entries: u32,
        finished_too: u32,
    }
}

/// The kernel: one workgroup adds up eight vec4 over all chunks, each with eight threads.
pub static KMEANS_REDUCE: Kernel = Kernel {
    name: "kmeans_reduce",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_reduce.wgsl"),
    params: KmeansReduceParams::FIELDS,
    bindings: &[read("partials"), read("states"), read_write("sums")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Adds up the partial sums of [`KmeansAccumulate`](super::KmeansAccumulate) or
/// [`KmeansAccumulateBits`](super::KmeansAccumulateBits) over all chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansReduce {
    /// Sizes of the data.
    pub shape: KmeansShape,
    /// Number of chunks.
    pub chunks: u32,
    /// Whether finished restarts are processed as well.
    pub finished_too: bool,
}

impl KmeansReduce {
    /// Returns the dispatch. It reads `views[0]`, the partial sums, and `views[1]`, the states, and writes `views[2]`, the sums,
    /// `[restarts, clusters, columns + 4]`.
    pub fn step(self, label: &str, views: [View; 3]) -> Step {
        let (restarts, chunks, entries) = (self.shape.restarts, self.chunks, self.shape.sum_entries());
        let (r, c, e) = (u64::from(restarts), u64::from(chunks), u64::from(entries));
        Encoding {
            kernel: &KMEANS_REDUCE,
            variant: &KMEANS_REDUCE.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: KmeansReduceParams { restarts, chunks, entries, finished_too: u32::from(self.finished_too) },
            bindings: &views,
            workgroups: r * e.div_ceil(8),
            cost: Cost { flops: 4 * r * c * e, bytes: 16 * r * e * (c + 1) },
        }
        .step(label)
    }
}

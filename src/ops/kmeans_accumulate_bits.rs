//! Sums the rows of each k-means cluster, for rows packed as bits. The kernels count set bits instead of adding numbers.
//!
//! This is the first half of the update of the centres. There are two kernels: one of them uses subgroup operations, and the
//! other runs on every device.

use super::SubgroupSize;
use super::{Choice, Encoding, KmeansShape, params, variants_of};
use crate::plan::{Binding, Cost, Kernel, Precision, Step, Variant, View, read, read_write};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of `kmeans_accumulate_bits.wgsl` and `kmeans_accumulate_bits_subgroup.wgsl` in `shaders/cluster`.
    struct KmeansAccumulateBitsParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        chunks: u32,
        finished_too: u32,
    }
}

const BINDINGS: &[Binding] =
    &[read("planes"), read("counts"), read("digits"), read("scales"), read("labels"), read("states"), read_write("partials")];
const OVERRIDES: &[(&str, &[u32])] = &[("WEIGHTED", &[0, 1])];

/// The kernel without subgroup operations: a workgroup marks in workgroup memory which rows belong to which cluster, and counts
/// the set bits of these rows.
pub static KMEANS_ACCUMULATE_BITS: Kernel = Kernel {
    name: "kmeans_accumulate_bits",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_accumulate_bits.wgsl"),
    params: KmeansAccumulateBitsParams::FIELDS,
    bindings: BINDINGS,
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: OVERRIDES,
};

/// The kernel with subgroup operations: the lanes of a subgroup broadcast to each other which rows belong to which cluster.
pub static KMEANS_ACCUMULATE_BITS_SUBGROUP: Kernel = Kernel {
    name: "kmeans_accumulate_bits_subgroup",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_accumulate_bits_subgroup.wgsl"),
    params: KmeansAccumulateBitsParams::FIELDS,
    bindings: BINDINGS,
    variants: &[Variant { name: "5 columns", constants: &[("VECTORS", 5)], subgroup: true }],
    overrides: OVERRIDES,
};

/// Iterates over all variants of both kernels.
pub fn kmeans_accumulate_bits_variants() -> impl Iterator<Item = Choice> {
    variants_of([&KMEANS_ACCUMULATE_BITS, &KMEANS_ACCUMULATE_BITS_SUBGROUP], Precision::F32)
}

/// Computes, for each chunk of rows and each cluster, Σ w x, Σ w and the number of changed labels, where w is the weight of a row
/// x. The rows are packed as bits. The weights are whole numbers up to [`MAX_WEIGHT`](KmeansAccumulateBits::MAX_WEIGHT).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansAccumulateBits {
    /// Sizes of the data.
    pub shape: KmeansShape,
    /// Whether any weight differs from 1.
    pub weighted: bool,
    /// Whether finished restarts are processed as well.
    pub finished_too: bool,
}

impl KmeansAccumulateBits {
    /// Number of rows in a chunk.
    pub const CHUNK_ROWS: u32 = 2048;

    /// The largest weight of a row. The kernels count in `u32`, which holds the sum over a chunk of rows with this weight.
    pub const MAX_WEIGHT: u32 = u32::MAX / Self::CHUNK_ROWS;

    /// Returns the kernel and variant for a device. The device profile says whether to use subgroup operations.
    pub fn choice(profile: &DeviceProfile) -> Choice {
        let kernel =
            if profile.settings().subgroup_distances { &KMEANS_ACCUMULATE_BITS_SUBGROUP } else { &KMEANS_ACCUMULATE_BITS };
        (kernel, &kernel.variants[0])
    }

    /// Returns the number of chunks.
    pub fn chunks(self) -> u32 {
        self.shape.rows.div_ceil(Self::CHUNK_ROWS)
    }

    /// Returns the dispatch. It reads `views[0..6]`, the planes, counts, digits, scales, labels and states, and writes
    /// `views[6]`, the partial sums, `[restarts, chunks, clusters, columns + 4]`. The declared cost is that of weights with one
    /// binary digit.
    pub fn step(self, label: &str, (kernel, variant): Choice, lanes: impl Into<SubgroupSize>, views: [View; 7]) -> Step {
        let lanes = lanes.into().get();
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let (quads, chunks) = (self.shape.quads(), self.chunks());
        let [n, r, c, k, q] = [rows, restarts, chunks, clusters, quads + 1].map(u64::from);
        let groups = n.div_ceil(32);
        Encoding {
            kernel,
            variant,
            lanes,
            overrides: vec![("WEIGHTED", f64::from(u8::from(self.weighted)))],
            params: KmeansAccumulateBitsParams {
                rows,
                quads,
                clusters,
                restarts,
                chunks,
                finished_too: u32::from(self.finished_too),
            },
            bindings: &views,
            workgroups: r * c,
            cost: Cost { flops: 12 * q * k * groups * r, bytes: r * (16 * q * (groups + c * k) + 4 * n) },
        }
        .step(label)
    }
}

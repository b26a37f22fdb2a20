//! k-means: sums of the rows of each cluster, chunk by chunk, by counting bits.

use super::{Cost, Encoding, Kernel, KmeansShape, Target, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of `shaders/cluster/kmeans_accumulate_bits.wgsl`.
    struct KmeansAccumulateBitsParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        chunks: u32,
        finished_too: u32,
    }
}

/// A workgroup marks who is in which cluster, then counts common bits.
pub static KMEANS_ACCUMULATE_BITS: Kernel = Kernel {
    name: "kmeans_accumulate_bits",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_accumulate_bits.wgsl"),
    params: KmeansAccumulateBitsParams::FIELDS,
    bindings: &[
        read("planes"),
        read("counts"),
        read("digits"),
        read("scales"),
        read("labels"),
        read("states"),
        read_write("partials"),
    ],
    variants: &[
        Variant { name: "workgroup", constants: &[("BROADCAST", 0)], subgroup: false },
        Variant { name: "subgroup 5", constants: &[("BROADCAST", 1), ("VECTORS", 5)], subgroup: true },
    ],
    overrides: &[("WEIGHTED", &[0, 1])],
};

/// Per chunk and cluster: Σ w x, Σ w and the number of changed labels, for rows of bits and whole weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansAccumulateBits {
    /// Sizes.
    pub shape: KmeansShape,
    /// Whether there are other weights than 1.
    pub weighted: bool,
    /// Whether restarts that have finished take part.
    pub finished_too: bool,
}

impl KmeansAccumulateBits {
    /// Rows of a chunk.
    pub const CHUNK_ROWS: u32 = 2048;

    /// The variant for an adapter: a software adapter takes the subgroup family, if it has subgroups of one size.
    pub fn variant(target: Target) -> &'static Variant {
        let [workgroup, subgroup] = KMEANS_ACCUMULATE_BITS.variants else { return &KMEANS_ACCUMULATE_BITS.variants[0] };
        if target.software && target.lanes.is_some() { subgroup } else { workgroup }
    }

    /// Number of chunks.
    pub fn chunks(self) -> u32 {
        self.shape.rows.div_ceil(Self::CHUNK_ROWS)
    }

    /// The cost is that of weights of one digit.
    ///
    /// The dispatch over planes, counts, digits, scales, labels and states; writes partials.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: Option<u32>, views: [View; 7]) -> Step {
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let (quads, chunks) = (self.shape.quads(), self.chunks());
        let [n, r, c, k, q] = [rows, restarts, chunks, clusters, quads + 1].map(u64::from);
        let groups = n.div_ceil(32);
        Encoding {
            kernel: &KMEANS_ACCUMULATE_BITS,
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

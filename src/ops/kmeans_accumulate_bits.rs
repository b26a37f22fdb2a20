//! k-means: sums of the rows of each cluster, chunk by chunk, by counting bits, in two families of kernel.

use super::{Choice, Encoding, KmeansShape, params, variants_of};
use crate::plan::{Binding, Cost, Kernel, Precision, Step, Variant, View, read, read_write};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of both `kmeans_accumulate_bits` shaders.
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

/// A workgroup marks in its memory who is in which cluster, then counts common bits.
pub static KMEANS_ACCUMULATE_BITS: Kernel = Kernel {
    name: "kmeans_accumulate_bits",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_accumulate_bits.wgsl"),
    params: KmeansAccumulateBitsParams::FIELDS,
    bindings: BINDINGS,
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: OVERRIDES,
};

/// The lanes of a subgroup tell each other who is in which cluster.
pub static KMEANS_ACCUMULATE_BITS_SUBGROUP: Kernel = Kernel {
    name: "kmeans_accumulate_bits_subgroup",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_accumulate_bits_subgroup.wgsl"),
    params: KmeansAccumulateBitsParams::FIELDS,
    bindings: BINDINGS,
    variants: &[Variant { name: "5 columns", constants: &[("VECTORS", 5)], subgroup: true }],
    overrides: OVERRIDES,
};

/// Every variant of both families.
pub fn kmeans_accumulate_bits_variants() -> impl Iterator<Item = Choice> {
    variants_of([&KMEANS_ACCUMULATE_BITS, &KMEANS_ACCUMULATE_BITS_SUBGROUP], Precision::F32)
}

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

    /// The kernel for an adapter: a software adapter takes the subgroup family, if it has subgroups of one size.
    pub fn choice(profile: &DeviceProfile) -> Choice {
        let kernel =
            if profile.settings().subgroup_distances { &KMEANS_ACCUMULATE_BITS_SUBGROUP } else { &KMEANS_ACCUMULATE_BITS };
        (kernel, &kernel.variants[0])
    }

    /// Number of chunks.
    pub fn chunks(self) -> u32 {
        self.shape.rows.div_ceil(Self::CHUNK_ROWS)
    }

    /// The dispatch over planes, counts, digits, scales, labels and states; writes partials. Its cost is that of weights of one digit.
    pub fn step(self, label: &str, (kernel, variant): Choice, lanes: Option<u32>, views: [View; 7]) -> Step {
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

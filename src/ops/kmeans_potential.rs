//! Greedy k-means++ seeding: computes the potential that each candidate for a centre would leave.

use super::SubgroupSize;
use super::distance_tile::{distance_variants, tile_rows};
use super::{Encoding, KmeansShape, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/kmeans_potential.wgsl`.
    struct KmeansPotentialParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        trials: u32,
        step: u32,
    }
}

/// The kernel: one workgroup evaluates all candidates of one restart on one chunk of rows.
pub static KMEANS_POTENTIAL: Kernel = Kernel {
    name: "kmeans_potential",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_potential.wgsl"),
    params: KmeansPotentialParams::FIELDS,
    bindings: &[read("rows"), read("weights"), read("picks"), read_write("closest"), read_write("potentials")],
    variants: distance_variants![
        ("subgroup 4x8", 4 x 8, subgroup),
        ("subgroup 4x6", 4 x 6, subgroup),
        ("subgroup 4x4", 4 x 4, subgroup),
        ("workgroup 256x8", 4 x 8, workgroup 1 2),
        ("workgroup 256x6", 4 x 6, workgroup 1 2),
        ("workgroup 256x4", 4 x 4, workgroup 1 2),
    ],
    overrides: &[],
};

/// The first half of a step of k-means++: computes the potential that each candidate would leave, for each chunk of rows. The
/// potential is the weighted sum of the squared distances of the rows to their nearest centres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansPotential {
    /// Sizes of the data.
    pub shape: KmeansShape,
    /// Number of candidates for each centre.
    pub trials: u32,
    /// Index of the step: step 0 sums the weights; step s > 0 evaluates the candidates for centre s − 1.
    pub step: u32,
}

impl KmeansPotential {
    /// Returns the number of candidates for each of k = `clusters` centres: 2 + ⌊ln k⌋ (Arthur and Vassilvitskii 2007, as in
    /// scikit-learn).
    pub fn trials(clusters: u32) -> u32 {
        2 + f64::from(clusters.max(1)).ln() as u32
    }

    /// Returns the number of rows in a chunk, which depends on the variant and its subgroup size `lanes`.
    pub fn chunk_rows(variant: &Variant, lanes: impl Into<SubgroupSize>) -> u32 {
        tile_rows(variant, lanes.into().get())
    }

    /// Returns the dispatch. It reads `views[0..3]`, the rows, weights and picks, updates `views[3]`, the closest distances, and
    /// writes `views[4]`, the potentials, `[restarts, trials, chunks]`.
    pub fn step(self, label: &str, variant: &'static Variant, lanes: impl Into<SubgroupSize>, views: [View; 5]) -> Step {
        let lanes = lanes.into().get();
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let (quads, trials) = (self.shape.quads(), self.trials);
        let chunks = rows.div_ceil(tile_rows(variant, lanes));
        let (n, r, c) = (u64::from(rows), u64::from(restarts), u64::from(chunks));
        let (t, q) = (u64::from(trials), u64::from(quads));
        Encoding {
            kernel: &KMEANS_POTENTIAL,
            variant,
            lanes,
            overrides: Vec::new(),
            params: KmeansPotentialParams { rows, quads, clusters, restarts, trials, step: self.step },
            bindings: &views,
            workgroups: r * c,
            cost: Cost { flops: 12 * q * n * (t + 1) * r, bytes: r * (16 * q * n + 12 * n + 4 * t * c) },
        }
        .step(label)
    }
}

//! Greedy k-means++ seeding: chooses one centre among its candidates, and draws the candidates for the next centre.

use super::{Encoding, KmeansPotential, KmeansShape, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/kmeans_candidates.wgsl`.
    struct KmeansCandidatesParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        trials: u32,
        step: u32,
        chunks: u32,
        chunk_rows: u32,
        first_restart: u32,
        seed_low: u32,
        seed_high: u32,
    }
}

/// The kernel: one workgroup draws one candidate of one restart.
pub static KMEANS_CANDIDATES: Kernel = Kernel {
    name: "kmeans_candidates",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_candidates.wgsl"),
    params: KmeansCandidatesParams::FIELDS,
    bindings: &[read("rows"), read("weights"), read("closest"), read("potentials"), read_write("picks"), read_write("centers")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// The second half of step s of k-means++: chooses the best candidate for centre s − 1 and draws the candidates for centre s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansCandidates {
    /// The first half of the step, which computed the potentials.
    pub potential: KmeansPotential,
    /// Number of rows in a chunk of the potentials; at most [`MAX_CHUNK_ROWS`](KmeansCandidates::MAX_CHUNK_ROWS).
    pub chunk_rows: u32,
    /// Index of the first restart, which selects the random numbers.
    pub first_restart: u32,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl KmeansCandidates {
    /// The largest number of rows in a chunk. The kernel keeps the potentials of a chunk in workgroup memory.
    pub const MAX_CHUNK_ROWS: u32 = 256;

    /// Returns the dispatch. It reads `views[0..4]`, the rows, weights, closest and potentials, and updates `views[4]`, the
    /// picks, and `views[5]`, the centers.
    ///
    /// # Panics
    /// Panics if a chunk has more than [`MAX_CHUNK_ROWS`](KmeansCandidates::MAX_CHUNK_ROWS) rows.
    pub fn step(self, label: &str, views: [View; 6]) -> Step {
        assert!(self.chunk_rows <= Self::MAX_CHUNK_ROWS, "kmeans_candidates cannot draw from chunks of {} rows", self.chunk_rows);
        let KmeansPotential { shape, trials, step } = self.potential;
        let KmeansShape { rows, clusters, restarts, .. } = shape;
        let (quads, chunks) = (shape.quads(), rows.div_ceil(self.chunk_rows));
        let (r, t, c, q) = (u64::from(restarts), u64::from(trials), u64::from(chunks), u64::from(quads));
        let chunk = u64::from(self.chunk_rows);
        Encoding {
            kernel: &KMEANS_CANDIDATES,
            variant: &KMEANS_CANDIDATES.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: KmeansCandidatesParams {
                rows,
                quads,
                clusters,
                restarts,
                trials,
                step,
                chunks,
                chunk_rows: self.chunk_rows,
                first_restart: self.first_restart,
                seed_low: self.seed as u32,
                seed_high: (self.seed >> 32) as u32,
            },
            bindings: &views,
            workgroups: r * t,
            cost: Cost { flops: r * t * (t * c + 12 * chunk * q), bytes: r * (4 * t * c + 16 * chunk * q) },
        }
        .step(label)
    }
}

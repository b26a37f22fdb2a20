//! Ends an iteration of k-means: moves the centres and decides whether a restart has finished.

use super::{Encoding, KmeansShape, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/cluster/kmeans_move.wgsl`.
    struct KmeansMoveParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        iterations: u32,
        tolerance: f32,
    }
}

/// The kernel: one workgroup ends the iteration of one restart.
pub static KMEANS_MOVE: Kernel = Kernel {
    name: "kmeans_move",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_move.wgsl"),
    params: KmeansMoveParams::FIELDS,
    bindings: &[
        read("rows"),
        read("weights"),
        read("mean"),
        read("labels"),
        read("distances"),
        read_write("sums"),
        read_write("centers"),
        read_write("states"),
    ],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// The progress of one restart, in the layout of `shaders/lib/restart_state.wgsl`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct RestartState {
    /// 0 while the restart is running. Otherwise the reason why it ended: 1 if no label changed, 2 if the centres moved no more
    /// than the tolerance, 3 at the iteration limit.
    pub finished: u32,
    /// Number of Lloyd iterations so far.
    pub iterations: u32,
}

/// Moves a row to each empty cluster, moves each centre to the mean of its rows, and marks the restarts that have finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KmeansMove {
    /// Sizes of the data.
    pub shape: KmeansShape,
    /// Maximum number of Lloyd iterations.
    pub iterations: u32,
    /// Largest sum of the squared shifts of the centres at which a restart has finished.
    pub tolerance: f32,
}

impl KmeansMove {
    /// Returns the dispatch. It reads `views[0..5]`, the rows, weights, mean, labels and distances, and updates `views[5]`, the
    /// sums, `views[6]`, the centers, and `views[7]`, the states.
    pub fn step(self, label: &str, views: [View; 8]) -> Step {
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let quads = self.shape.quads();
        let (r, k, q) = (u64::from(restarts), u64::from(clusters), u64::from(quads));
        Encoding {
            kernel: &KMEANS_MOVE,
            variant: &KMEANS_MOVE.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: KmeansMoveParams { rows, quads, clusters, restarts, iterations: self.iterations, tolerance: self.tolerance },
            bindings: &views,
            workgroups: r,
            cost: Cost { flops: 16 * r * k * q, bytes: 16 * r * k * (3 * q + 1) },
        }
        .step(label)
    }
}

//! k-means: new centres, and whether a restart has finished.

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

/// A workgroup ends the iteration of one restart.
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

/// Where one restart stands; as `shaders/lib/restart_state.wgsl` has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct RestartState {
    /// 0 while it goes on; 1 when no label changed, 2 when the centres moved less than the tolerance, 3 at the iteration limit.
    pub finished: u32,
    /// Lloyd iterations so far.
    pub iterations: u32,
}

/// Empty clusters get a row, centres become means, finished restarts are marked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KmeansMove {
    /// Sizes.
    pub shape: KmeansShape,
    /// The most Lloyd iterations.
    pub iterations: u32,
    /// A restart has finished when the squared shifts of its centres add up to no more.
    pub tolerance: f32,
}

impl KmeansMove {
    /// The dispatch over rows, weights, mean, labels and distances; changes sums, centers and states.
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

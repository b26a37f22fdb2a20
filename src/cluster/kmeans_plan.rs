//! The plans of k-means: seeding, one Lloyd iteration, and the labels and inertia of the final centres.

use crate::gpu::{Gpu, GpuError};
use crate::kernels::{
    KMEANS_ASSIGN, KMEANS_POTENTIAL, KmeansAccumulate, KmeansAssign, KmeansCandidates, KmeansMove, KmeansPotential, KmeansReduce,
    KmeansShape, RestartState, Target, Ties,
};
use crate::scheduler::{Plan, Program, View};

/// The tensors that all plans share.
#[derive(Clone, Copy)]
pub(super) struct Tensors {
    /// `[rows, columns]`
    pub rows: View,
    /// `[rows]`
    pub weights: View,
    /// `[rows]`, a hash of each row
    pub keys: View,
    /// `[columns]`, the mean of all rows
    pub mean: View,
    /// `[restarts, clusters, columns]`
    pub centers: View,
    /// `[restarts]` of [`RestartState`]
    pub states: View,
    /// `[restarts, rows]`
    pub labels: View,
    /// `[restarts, clusters, columns + 4]`
    pub sums: View,
}

impl Tensors {
    /// The tensors at the head of a plan: their numbers are the same in every plan that begins so.
    fn new(plan: &mut Plan, shape: KmeansShape) -> Tensors {
        let [n, d, k, r] = [shape.rows, shape.columns, shape.clusters, shape.restarts].map(u64::from);
        Tensors {
            rows: plan.persistent("rows", 4 * n * d),
            weights: plan.persistent("weights", 4 * n),
            keys: plan.persistent("keys", 4 * n),
            mean: plan.persistent("mean", 4 * d),
            centers: plan.persistent("centers", 4 * r * k * d),
            states: plan.persistent("states", r * size_of::<RestartState>() as u64),
            labels: plan.persistent("labels", 4 * r * n),
            sums: plan.persistent("sums", 16 * r * u64::from(shape.sum_entries())),
        }
    }

    fn all(self) -> [View; 8] {
        [self.rows, self.weights, self.keys, self.mean, self.centers, self.states, self.labels, self.sums]
    }

    /// A program of a plan for other rows that puts the centres of `owner` in place.
    pub fn share_centers(self, gpu: &Gpu, plan: &Plan, owner: &Program) -> Result<Program, GpuError> {
        let centers = owner.buffer(self.centers.tensor).map(|buffer| (self.centers, buffer));
        Program::new(gpu, plan, centers.as_slice())
    }

    /// A program of another plan on the tensors of `owner`.
    pub fn share(self, gpu: &Gpu, plan: &Plan, owner: &Program) -> Result<Program, GpuError> {
        let shared: Vec<_> = self.all().into_iter().filter_map(|view| Some((view, owner.buffer(view.tensor)?))).collect();
        Program::new(gpu, plan, &shared)
    }
}

/// How rows are cut into chunks, for every kernel.
fn accumulate(shape: KmeansShape, finished_too: bool) -> KmeansAccumulate {
    KmeansAccumulate { shape, chunk_rows: KmeansAccumulate::chunk_rows(shape.clusters), finished_too }
}

/// Bytes of the largest tensors that grow with the restarts, for one restart: what it is, and how much it takes.
pub(super) fn restart_bytes(shape: KmeansShape, target: Target) -> Vec<(&'static str, u64)> {
    let trials = KmeansPotential::trials(shape.clusters);
    let variant = target.distances(&KMEANS_POTENTIAL, trials + 1);
    let chunks = shape.rows.div_ceil(KmeansPotential::chunk_rows(variant, target.lanes));
    let partials = 16 * u64::from(accumulate(shape, false).chunks()) * u64::from(shape.sum_entries());
    vec![
        ("the labels", 4 * u64::from(shape.rows)),
        ("the distances", 4 * u64::from(shape.rows)),
        ("the potentials of k-means++", 4 * u64::from(trials) * u64::from(chunks)),
        ("the sums of the clusters", partials),
        ("the centres", 4 * u64::from(shape.clusters) * u64::from(shape.columns)),
    ]
}

/// One Lloyd iteration of every restart that has not finished.
pub(super) fn lloyd(shape: KmeansShape, target: Target, ties: Ties, iterations: u32, tolerance: f32) -> (Plan, Tensors) {
    let mut plan = Plan::new("k-means iteration");
    let tensors = Tensors::new(&mut plan, shape);
    let distances = assign_and_sum(&mut plan, tensors, target, KmeansAssign { shape, ties, finished_too: false });
    let Tensors { rows, weights, mean, centers, states, labels, sums, .. } = tensors;
    let views = [rows, weights, mean, labels, distances, sums, centers, states];
    plan.push(KmeansMove { shape, iterations, tolerance }.step("move", views));
    (plan, tensors)
}

/// Labels and inertia of the final centres of every restart.
pub(super) fn finish(shape: KmeansShape, target: Target, ties: Ties) -> Plan {
    let mut plan = Plan::new("k-means finish");
    let tensors = Tensors::new(&mut plan, shape);
    assign_and_sum(&mut plan, tensors, target, KmeansAssign { shape, ties, finished_too: true });
    plan
}

fn assign_and_sum(plan: &mut Plan, tensors: Tensors, target: Target, assign: KmeansAssign) -> View {
    let Tensors { rows, weights, keys, centers, states, labels, sums, .. } = tensors;
    let accumulate = accumulate(assign.shape, assign.finished_too);
    let distances = plan.transient("distances", labels.bytes);
    let partials = plan.transient("partials", sums.bytes * u64::from(accumulate.chunks()));
    let variant = target.distances(&KMEANS_ASSIGN, assign.shape.clusters);
    plan.push(assign.step("assign", variant, target.lanes, [rows, centers, keys, states, labels, distances]));
    plan.push(accumulate.step("accumulate", [rows, weights, labels, distances, states, partials]));
    plan.push(KmeansReduce(accumulate).step("reduce", [partials, states, sums]));
    distances
}

/// k-means++ for every restart; `first_restart` is the number of the first one.
pub(super) fn seeding(shape: KmeansShape, target: Target, seed: u64, first_restart: u32) -> (Plan, Tensors) {
    let mut plan = Plan::new("k-means++");
    let tensors = Tensors::new(&mut plan, shape);
    let Tensors { rows, weights, centers, labels, .. } = tensors;
    let trials = KmeansPotential::trials(shape.clusters);
    // The centre chosen last is judged beside the candidates.
    let variant = target.distances(&KMEANS_POTENTIAL, trials + 1);
    let chunk_rows = KmeansPotential::chunk_rows(variant, target.lanes);
    let restarts = u64::from(shape.restarts);
    let closest = plan.transient("closest", labels.bytes);
    let chunks = u64::from(shape.rows.div_ceil(chunk_rows));
    let potentials = plan.transient("potentials", 4 * restarts * u64::from(trials) * chunks);
    let picks = plan.transient("picks", 4 * restarts * (u64::from(shape.clusters) + 1) * (u64::from(trials) + 1));
    for step in 0..=shape.clusters {
        let potential = KmeansPotential { shape, trials, step };
        let label = format!("potential {step}");
        plan.push(potential.step(&label, variant, target.lanes, [rows, weights, picks, closest, potentials]));
        let candidates = KmeansCandidates { potential, chunk_rows, first_restart, seed };
        plan.push(candidates.step(&format!("candidates {step}"), [rows, weights, closest, potentials, picks, centers]));
    }
    (plan, tensors)
}

/// The inertia of one restart from its sums, `[clusters, columns + 4]`: behind a cluster's columns stand Σ w and then Σ w · distance.
pub(super) fn inertia(sums: &[f32], columns: usize) -> f64 {
    sums.chunks_exact(columns + 4).map(|cluster| f64::from(cluster[columns + 1])).sum()
}

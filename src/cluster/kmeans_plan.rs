//! The plans of k-means: k-means++ seeding, one Lloyd iteration, and the labels and inertia of the final centres.

use super::bit_rows::BitRows;
use crate::device::DeviceError;
use crate::ops::{
    KMEANS_POTENTIAL, KmeansAccumulate, KmeansAccumulateBits, KmeansAssign, KmeansAssignAccumulate, KmeansCandidates, KmeansMove,
    KmeansPotential, KmeansReduce, KmeansShape, RestartState, RowFormat, Ties, distance_variant,
};
use crate::plan::{Plan, View};
use crate::profiles::{Device, DeviceProfile};
use crate::scheduler::Program;

/// Maximum number of clusters for which the update counts bits. Counting bits takes time proportional to the number of clusters;
/// summing f32 values does not, and is faster for more clusters.
const MAX_CLUSTERS_FOR_BITS: u32 = 64;

/// The formats in which the rows lie on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// f32 values only. `weighted` says whether any weight differs from 1.
    Numbers { weighted: bool },
    /// f32 values and, in addition, bits ([`BitRows`]). `planes` is the number of binary digits of the largest weight, or 0 if
    /// all weights are 1. `scaled` says whether a set bit stands for another value than 1 in some column.
    Bits { planes: u32, scaled: bool },
}

impl Form {
    /// Returns the form of rows whose bits are `bits`, if they have any, and whose weights are `weights`.
    pub fn of(bits: Option<&BitRows>, weights: &[f32]) -> Form {
        let planes = |bits: &BitRows| bits.digits.iter().max().copied().unwrap_or(0);
        bits.map_or_else(|| Form::numbers(weights), |bits| Form::Bits { planes: planes(bits), scaled: !bits.plain() })
    }

    /// Returns the form of f32 rows with these weights.
    pub fn numbers(weights: &[f32]) -> Form {
        Form::Numbers { weighted: weights.iter().any(|weight| *weight != 1.0) }
    }
}

/// The tensors that all plans share. `bits`, `planes`, `counts`, `digits` and `scales` are used only if the form of the rows is
/// [`Form::Bits`]; see [`BitRows`] for their content.
#[derive(Clone, Copy)]
pub(super) struct Tensors {
    /// The rows as f32 values, `[rows, columns]`.
    pub rows: View,
    /// `[rows, words]`
    pub bits: View,
    /// `[groups, columns]`
    pub planes: View,
    /// `[planes, groups]`
    pub counts: View,
    /// `[chunks]`
    pub digits: View,
    /// `[columns]`
    pub scales: View,
    /// Weight of each row, `[rows]`.
    pub weights: View,
    /// Hash of each row, `[rows]`.
    pub keys: View,
    /// Weighted mean of all rows, `[columns]`.
    pub mean: View,
    /// `[restarts, clusters, columns]`
    pub centers: View,
    /// A [`RestartState`] for each restart, `[restarts]`.
    pub states: View,
    /// Label of each row, with bit 31 set if it changed, `[restarts, rows]`.
    pub labels: View,
    /// Weighted sum of the rows of each cluster, followed by four totals, `[restarts, clusters, columns + 4]`.
    pub sums: View,
}

impl Tensors {
    /// Declares the tensors at the beginning of a plan. They get the same tensor indices in every plan, so plans can share them.
    fn new(plan: &mut Plan, shape: KmeansShape, form: Form) -> Tensors {
        let [n, d, k, r] = [shape.rows, shape.columns, shape.clusters, shape.restarts].map(u64::from);
        let groups = n.div_ceil(32);
        // A binding cannot be empty, so unused tensors have four elements.
        let least = 4;
        let [words, planes, counts, digits, scales] = match form {
            Form::Numbers { .. } => [least; 5],
            Form::Bits { planes, .. } => {
                let chunks = n.div_ceil(u64::from(KmeansAccumulateBits::CHUNK_ROWS));
                [n * d.div_ceil(32), groups * d, groups * u64::from(planes), chunks, d].map(|size| size.max(least))
            }
        };
        Tensors {
            rows: plan.persistent("rows", 4 * n * d),
            bits: plan.persistent("bits", 4 * words),
            planes: plan.persistent("planes", 4 * planes),
            counts: plan.persistent("counts", 4 * counts),
            digits: plan.persistent("digits", 4 * digits),
            scales: plan.persistent("scales", 4 * scales),
            weights: plan.persistent("weights", 4 * n),
            keys: plan.persistent("keys", 4 * n),
            mean: plan.persistent("mean", 4 * d),
            centers: plan.persistent("centers", 4 * r * k * d),
            states: plan.persistent("states", r * size_of::<RestartState>() as u64),
            labels: plan.persistent("labels", 4 * r * n),
            sums: plan.persistent("sums", 16 * r * u64::from(shape.sum_entries())),
        }
    }

    /// Returns all tensors.
    fn all(self) -> [View; 13] {
        let Tensors { rows, bits, planes, counts, digits, scales, weights, keys, mean, centers, states, labels, sums } = self;
        [rows, bits, planes, counts, digits, scales, weights, keys, mean, centers, states, labels, sums]
    }

    /// Uploads rows packed as bits.
    pub fn write_bits(self, device: &Device, program: &Program, rows: &BitRows) {
        let views = [self.bits, self.planes, self.counts, self.digits];
        for (view, values) in views.into_iter().zip([&rows.bits, &rows.planes, &rows.counts, &rows.digits]) {
            if !values.is_empty() {
                program.write(device, view, bytemuck::cast_slice(values));
            }
        }
        program.write(device, self.scales, bytemuck::cast_slice(&rows.scales));
    }

    /// Creates a program that writes its centres into the centres of `owner`. The two programs share no other tensor, because
    /// they cluster different rows.
    pub fn share_centers(self, device: &Device, plan: &Plan, owner: &Program) -> Result<Program, DeviceError> {
        let centers = owner.buffer(self.centers.tensor).map(|buffer| (self.centers, buffer));
        Program::new(device, plan, centers.as_slice())
    }

    /// Creates a program that shares all these tensors with `owner`.
    pub fn share(self, device: &Device, plan: &Plan, owner: &Program) -> Result<Program, DeviceError> {
        let shared: Vec<_> = self.all().into_iter().filter_map(|view| Some((view, owner.buffer(view.tensor)?))).collect();
        Program::new(device, plan, &shared)
    }
}

/// Returns the step that sums f32 rows chunk by chunk. All plans use the same chunk size.
fn accumulate(shape: KmeansShape, finished_too: bool) -> KmeansAccumulate {
    KmeansAccumulate { shape, chunk_rows: KmeansAccumulate::chunk_rows(shape.clusters), finished_too }
}

/// Returns the names of the largest tensors that grow with the number of restarts, and their bytes for one restart.
pub(super) fn restart_bytes(shape: KmeansShape, profile: &DeviceProfile) -> Vec<(&'static str, u64)> {
    let trials = KmeansPotential::trials(shape.clusters);
    let variant = distance_variant(profile, &KMEANS_POTENTIAL, RowFormat::Numbers, trials + 1);
    let chunks = shape.rows.div_ceil(KmeansPotential::chunk_rows(variant, profile));
    let together = KmeansAssignAccumulate::chunks(KmeansAssignAccumulate::variant(profile, shape), shape.rows);
    let most_chunks = if shape.clusters <= KmeansAssignAccumulate::MAX_CLUSTERS { together } else { 0 };
    let partials = 16 * u64::from(accumulate(shape, false).chunks().max(most_chunks)) * u64::from(shape.sum_entries());
    vec![
        ("the labels", 4 * u64::from(shape.rows)),
        ("the distances", 4 * u64::from(shape.rows)),
        ("the potentials of k-means++", 4 * u64::from(trials) * u64::from(chunks)),
        ("the sums of the clusters", partials),
        ("the centres", 4 * u64::from(shape.clusters) * u64::from(shape.columns)),
    ]
}

/// Returns the plan of one Lloyd iteration of every restart that has not finished.
///
/// `iterations` is the maximum number of iterations of a restart, and `tolerance` the largest sum of squared shifts of the
/// centres at which a restart ends.
pub(super) fn lloyd(
    (shape, form): (KmeansShape, Form),
    profile: &DeviceProfile,
    ties: Ties,
    iterations: u32,
    tolerance: f32,
) -> (Plan, Tensors) {
    let mut plan = Plan::new("k-means iteration");
    let tensors = Tensors::new(&mut plan, shape, form);
    let (distances, chunks) = match form {
        Form::Bits { planes, .. } if shape.clusters <= MAX_CLUSTERS_FOR_BITS => {
            let distances = assign(&mut plan, tensors, profile, (shape, form), ties, false);
            let accumulate = KmeansAccumulateBits { shape, weighted: planes > 0, finished_too: false };
            let Tensors { planes, counts, digits, scales, labels, states, .. } = tensors;
            let partials = plan.transient("partials", tensors.sums.bytes * u64::from(accumulate.chunks()));
            let choice = KmeansAccumulateBits::choice(profile);
            let views = [planes, counts, digits, scales, labels, states, partials];
            plan.push(accumulate.step("accumulate", choice, profile, views));
            (distances, (partials, accumulate.chunks()))
        }
        _ => assign_and_add_up(&mut plan, tensors, profile, (shape, form), ties, false),
    };
    reduce(&mut plan, tensors, shape, chunks, false);
    let Tensors { rows, weights, mean, centers, states, labels, sums, .. } = tensors;
    let views = [rows, weights, mean, labels, distances, sums, centers, states];
    plan.push(KmeansMove { shape, iterations, tolerance }.step("move", views));
    (plan, tensors)
}

/// Returns the plan that computes the labels and the inertia of every restart from its final centres.
pub(super) fn finish((shape, form): (KmeansShape, Form), profile: &DeviceProfile, ties: Ties) -> Plan {
    let mut plan = Plan::new("k-means finish");
    let tensors = Tensors::new(&mut plan, shape, form);
    let (_, chunks) = assign_and_add_up(&mut plan, tensors, profile, (shape, form), ties, true);
    reduce(&mut plan, tensors, shape, chunks, true);
    plan
}

/// Adds the steps that label every row and sum the f32 rows of each cluster in each chunk. Returns the tensor of squared
/// distances to the nearest centres, `[restarts, rows]`, the tensor of partial sums, and the number of chunks.
fn assign_and_add_up(
    plan: &mut Plan,
    tensors: Tensors,
    profile: &DeviceProfile,
    (shape, form): (KmeansShape, Form),
    ties: Ties,
    finished_too: bool,
) -> (View, (View, u32)) {
    let Tensors { rows, weights, keys, centers, states, labels, sums, .. } = tensors;
    match form {
        Form::Numbers { weighted } if shape.clusters <= KmeansAssignAccumulate::MAX_CLUSTERS => {
            let variant = KmeansAssignAccumulate::variant(profile, shape);
            let chunks = KmeansAssignAccumulate::chunks(variant, shape.rows);
            let distances = plan.transient("distances", labels.bytes);
            let partials = plan.transient("partials", sums.bytes * u64::from(chunks));
            let both = KmeansAssignAccumulate { shape, ties, weighted, finished_too };
            let views = [rows, weights, centers, keys, states, labels, distances, partials];
            plan.push(both.step("assign and accumulate", variant, profile, views));
            (distances, (partials, chunks))
        }
        _ => {
            let distances = assign(plan, tensors, profile, (shape, form), ties, finished_too);
            (distances, add_up(plan, tensors, distances, accumulate(shape, finished_too)))
        }
    }
}

/// Adds the step that labels every row, and returns the tensor of squared distances to the nearest centres, `[restarts, rows]`.
fn assign(
    plan: &mut Plan,
    tensors: Tensors,
    profile: &DeviceProfile,
    (shape, form): (KmeansShape, Form),
    ties: Ties,
    finished_too: bool,
) -> View {
    let Tensors { rows, bits, scales, keys, centers, states, labels, .. } = tensors;
    let distances = plan.transient("distances", labels.bytes);
    let (rows, format, scaled) = match form {
        Form::Numbers { .. } => (rows, RowFormat::Numbers, false),
        Form::Bits { scaled, .. } => (bits, RowFormat::Bits, scaled),
    };
    let choice = KmeansAssign::choice(profile, shape, format);
    let assign = KmeansAssign { shape, ties, scaled, finished_too };
    plan.push(assign.step("assign", choice, profile, [rows, scales, centers, keys, states, labels, distances]));
    distances
}

/// Adds the step that sums the rows of each cluster in each chunk. Returns the tensor of partial sums and the number of chunks.
fn add_up(plan: &mut Plan, tensors: Tensors, distances: View, accumulate: KmeansAccumulate) -> (View, u32) {
    let Tensors { rows, weights, labels, states, sums, .. } = tensors;
    let partials = plan.transient("partials", sums.bytes * u64::from(accumulate.chunks()));
    plan.push(accumulate.step("accumulate", [rows, weights, labels, distances, states, partials]));
    (partials, accumulate.chunks())
}

/// Adds the step that adds up the partial sums of all chunks.
fn reduce(plan: &mut Plan, tensors: Tensors, shape: KmeansShape, (partials, chunks): (View, u32), finished_too: bool) {
    let reduce = KmeansReduce { shape, chunks, finished_too };
    plan.push(reduce.step("reduce", [partials, tensors.states, tensors.sums]));
}

/// Returns the plan of k-means++ seeding for every restart, and its tensors. `first_restart` is the index of the first restart;
/// it selects the random numbers.
pub(super) fn seeding(
    (shape, form): (KmeansShape, Form),
    profile: &DeviceProfile,
    seed: u64,
    first_restart: u32,
) -> (Plan, Tensors) {
    let mut plan = Plan::new("k-means++");
    let tensors = Tensors::new(&mut plan, shape, form);
    let Tensors { rows, weights, centers, labels, .. } = tensors;
    let trials = KmeansPotential::trials(shape.clusters);
    // A tile holds the centre chosen last in addition to the candidates.
    let variant = distance_variant(profile, &KMEANS_POTENTIAL, RowFormat::Numbers, trials + 1);
    let chunk_rows = KmeansPotential::chunk_rows(variant, profile);
    let restarts = u64::from(shape.restarts);
    let closest = plan.transient("closest", labels.bytes);
    let chunks = u64::from(shape.rows.div_ceil(chunk_rows));
    let potentials = plan.transient("potentials", 4 * restarts * u64::from(trials) * chunks);
    let picks = plan.transient("picks", 4 * restarts * (u64::from(shape.clusters) + 1) * (u64::from(trials) + 1));
    for step in 0..=shape.clusters {
        let potential = KmeansPotential { shape, trials, step };
        let label = format!("potential {step}");
        plan.push(potential.step(&label, variant, profile, [rows, weights, picks, closest, potentials]));
        let candidates = KmeansCandidates { potential, chunk_rows, first_restart, seed };
        plan.push(candidates.step(&format!("candidates {step}"), [rows, weights, closest, potentials, picks, centers]));
    }
    (plan, tensors)
}

/// Returns the inertia of one restart from its sums, shape `[clusters, columns + 4]`. The first two of the four totals that
/// follow a cluster's columns are Σ w and Σ w · distance over its rows.
pub(super) fn inertia(sums: &[f32], columns: usize) -> f64 {
    sums.chunks_exact(columns + 4).map(|cluster| f64::from(cluster[columns + 1])).sum()
}

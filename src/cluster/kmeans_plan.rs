//! The plans of k-means: seeding, one Lloyd iteration, and the labels and inertia of the final centres.

use super::bit_rows::BitRows;
use crate::device::DeviceError;
use crate::ops::{
    KMEANS_POTENTIAL, KmeansAccumulate, KmeansAccumulateBits, KmeansAssign, KmeansCandidates, KmeansMove, KmeansPotential,
    KmeansReduce, KmeansShape, RestartState, RowFormat, Ties, distance_variant,
};
use crate::plan::{Plan, View};
use crate::profiles::{Device, DeviceProfile};
use crate::scheduler::Program;

/// With more clusters adding numbers, whose time does not grow with the clusters, is faster than counting bits.
const MOST_COUNTED_CLUSTERS: u32 = 64;

/// As what the rows are on the device, beside numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing else.
    Numbers,
    /// Bits, see [`BitRows`], with so many planes of weights.
    Bits { planes: u32, scaled: bool },
}

impl Form {
    pub fn of(bits: Option<&BitRows>) -> Form {
        let planes = |bits: &BitRows| bits.digits.iter().max().copied().unwrap_or(0);
        bits.map_or(Form::Numbers, |bits| Form::Bits { planes: planes(bits), scaled: !bits.plain() })
    }
}

/// The tensors that all plans share.
#[derive(Clone, Copy)]
pub(super) struct Tensors {
    /// `[rows, columns]`
    pub rows: View,
    /// `[rows, words]`, as are the next four only where the rows are bits
    pub bits: View,
    /// `[groups, columns]`
    pub planes: View,
    /// `[planes of weights, groups]`
    pub counts: View,
    /// `[chunks]`
    pub digits: View,
    /// `[columns]`
    pub scales: View,
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
    fn new(plan: &mut Plan, shape: KmeansShape, form: Form) -> Tensors {
        let [n, d, k, r] = [shape.rows, shape.columns, shape.clusters, shape.restarts].map(u64::from);
        let groups = n.div_ceil(32);
        // A binding cannot be empty.
        let least = 4;
        let [words, planes, counts, digits, scales] = match form {
            Form::Numbers => [least; 5],
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

    fn all(self) -> [View; 13] {
        let Tensors { rows, bits, planes, counts, digits, scales, weights, keys, mean, centers, states, labels, sums } = self;
        [rows, bits, planes, counts, digits, scales, weights, keys, mean, centers, states, labels, sums]
    }

    /// Puts bits in place.
    pub fn write_bits(self, device: &Device, program: &Program, rows: &BitRows) {
        let views = [self.bits, self.planes, self.counts, self.digits];
        for (view, values) in views.into_iter().zip([&rows.bits, &rows.planes, &rows.counts, &rows.digits]) {
            if !values.is_empty() {
                program.write(device, view, bytemuck::cast_slice(values));
            }
        }
        program.write(device, self.scales, bytemuck::cast_slice(&rows.scales));
    }

    /// A program of a plan for other rows that puts the centres of `owner` in place.
    pub fn share_centers(self, device: &Device, plan: &Plan, owner: &Program) -> Result<Program, DeviceError> {
        let centers = owner.buffer(self.centers.tensor).map(|buffer| (self.centers, buffer));
        Program::new(device, plan, centers.as_slice())
    }

    /// A program of another plan on the tensors of `owner`.
    pub fn share(self, device: &Device, plan: &Plan, owner: &Program) -> Result<Program, DeviceError> {
        let shared: Vec<_> = self.all().into_iter().filter_map(|view| Some((view, owner.buffer(view.tensor)?))).collect();
        Program::new(device, plan, &shared)
    }
}

/// How rows are cut into chunks, for every kernel.
fn accumulate(shape: KmeansShape, finished_too: bool) -> KmeansAccumulate {
    KmeansAccumulate { shape, chunk_rows: KmeansAccumulate::chunk_rows(shape.clusters), finished_too }
}

/// Bytes of the largest tensors that grow with the restarts, for one restart: what it is, and how much it takes.
pub(super) fn restart_bytes(shape: KmeansShape, profile: &DeviceProfile) -> Vec<(&'static str, u64)> {
    let trials = KmeansPotential::trials(shape.clusters);
    let variant = distance_variant(profile, &KMEANS_POTENTIAL, RowFormat::Numbers, trials + 1);
    let chunks = shape.rows.div_ceil(KmeansPotential::chunk_rows(variant, profile.capabilities.subgroup_size));
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
pub(super) fn lloyd(
    (shape, form): (KmeansShape, Form),
    profile: &DeviceProfile,
    ties: Ties,
    iterations: u32,
    tolerance: f32,
) -> (Plan, Tensors) {
    let mut plan = Plan::new("k-means iteration");
    let tensors = Tensors::new(&mut plan, shape, form);
    let distances = assign(&mut plan, tensors, profile, (shape, form), ties, false);
    let chunks = match form {
        Form::Bits { planes, .. } if shape.clusters <= MOST_COUNTED_CLUSTERS => {
            let accumulate = KmeansAccumulateBits { shape, weighted: planes > 0, finished_too: false };
            let Tensors { planes, counts, digits, scales, labels, states, .. } = tensors;
            let partials = plan.transient("partials", tensors.sums.bytes * u64::from(accumulate.chunks()));
            let choice = KmeansAccumulateBits::choice(profile);
            let views = [planes, counts, digits, scales, labels, states, partials];
            plan.push(accumulate.step("accumulate", choice, profile.capabilities.subgroup_size, views));
            (partials, accumulate.chunks())
        }
        _ => add_up(&mut plan, tensors, distances, accumulate(shape, false)),
    };
    reduce(&mut plan, tensors, shape, chunks, false);
    let Tensors { rows, weights, mean, centers, states, labels, sums, .. } = tensors;
    let views = [rows, weights, mean, labels, distances, sums, centers, states];
    plan.push(KmeansMove { shape, iterations, tolerance }.step("move", views));
    (plan, tensors)
}

/// Labels and inertia of the final centres of every restart.
pub(super) fn finish((shape, form): (KmeansShape, Form), profile: &DeviceProfile, ties: Ties) -> Plan {
    let mut plan = Plan::new("k-means finish");
    let tensors = Tensors::new(&mut plan, shape, form);
    let distances = assign(&mut plan, tensors, profile, (shape, form), ties, true);
    let chunks = add_up(&mut plan, tensors, distances, accumulate(shape, true));
    reduce(&mut plan, tensors, shape, chunks, true);
    plan
}

/// Labels every row; the squared distances to the centres.
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
        Form::Numbers => (rows, RowFormat::Numbers, false),
        Form::Bits { scaled, .. } => (bits, RowFormat::Bits, scaled),
    };
    let choice = KmeansAssign::choice(profile, shape, format);
    let assign = KmeansAssign { shape, ties, scaled, finished_too };
    plan.push(assign.step(
        "assign",
        choice,
        profile.capabilities.subgroup_size,
        [rows, scales, centers, keys, states, labels, distances],
    ));
    distances
}

/// The sums of each chunk, and how many chunks there are.
fn add_up(plan: &mut Plan, tensors: Tensors, distances: View, accumulate: KmeansAccumulate) -> (View, u32) {
    let Tensors { rows, weights, labels, states, sums, .. } = tensors;
    let partials = plan.transient("partials", sums.bytes * u64::from(accumulate.chunks()));
    plan.push(accumulate.step("accumulate", [rows, weights, labels, distances, states, partials]));
    (partials, accumulate.chunks())
}

fn reduce(plan: &mut Plan, tensors: Tensors, shape: KmeansShape, (partials, chunks): (View, u32), finished_too: bool) {
    let reduce = KmeansReduce { shape, chunks, finished_too };
    plan.push(reduce.step("reduce", [partials, tensors.states, tensors.sums]));
}

/// k-means++ for every restart; `first_restart` is the number of the first one.
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
    // The centre chosen last is judged beside the candidates.
    let variant = distance_variant(profile, &KMEANS_POTENTIAL, RowFormat::Numbers, trials + 1);
    let chunk_rows = KmeansPotential::chunk_rows(variant, profile.capabilities.subgroup_size);
    let restarts = u64::from(shape.restarts);
    let closest = plan.transient("closest", labels.bytes);
    let chunks = u64::from(shape.rows.div_ceil(chunk_rows));
    let potentials = plan.transient("potentials", 4 * restarts * u64::from(trials) * chunks);
    let picks = plan.transient("picks", 4 * restarts * (u64::from(shape.clusters) + 1) * (u64::from(trials) + 1));
    for step in 0..=shape.clusters {
        let potential = KmeansPotential { shape, trials, step };
        let label = format!("potential {step}");
        plan.push(potential.step(
            &label,
            variant,
            profile.capabilities.subgroup_size,
            [rows, weights, picks, closest, potentials],
        ));
        let candidates = KmeansCandidates { potential, chunk_rows, first_restart, seed };
        plan.push(candidates.step(&format!("candidates {step}"), [rows, weights, closest, potentials, picks, centers]));
    }
    (plan, tensors)
}

/// The inertia of one restart from its sums, `[clusters, columns + 4]`: behind a cluster's columns stand Σ w and then Σ w · distance.
pub(super) fn inertia(sums: &[f32], columns: usize) -> f64 {
    sums.chunks_exact(columns + 4).map(|cluster| f64::from(cluster[columns + 1])).sum()
}

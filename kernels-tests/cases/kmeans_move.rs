//! Cases of `kmeans_move`, which moves the centres and decides whether a restart has finished.

use lineament::ops::{KMEANS_MOVE, KmeansMove, KmeansShape, RestartState};

use super::kmeans_assign::{labels, states};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_accumulate::kmeans_accumulate;
use lineament::ops::reference::kmeans_assign::CHANGED;
use lineament::ops::reference::kmeans_move::{Inputs, kmeans_move};
use lineament::ops::reference::random::{bits24, unit, values};

/// The reason why the running restarts of a case end, or the state of their clusters.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Situation {
    /// Labels changed and centres move, so the restarts continue.
    GoesOn,
    /// No label changed.
    Settled,
    /// The tolerance is so large that the centres move less.
    Tolerated,
    /// The shift of the centres is just above the tolerance, so the restart continues.
    AboveTolerance,
    /// The shift of the centres is just below the tolerance.
    BelowTolerance,
    /// The iteration limit is reached.
    Limited,
    /// Some clusters have no rows.
    Empty,
    /// Some clusters have no rows, and all but the first two rows coincide with their centres, so that there are fewer rows to
    /// move than empty clusters.
    FewFar,
}

/// (rows, columns, clusters, restarts, situation). The shapes include one of everything, primes, and as many rows, clusters or
/// elements as a workgroup has threads ± 1.
const TESTS: &[(u32, u32, u32, u32, Situation)] = &[
    (1, 4, 1, 1, Situation::GoesOn),
    (97, 12, 5, 3, Situation::GoesOn),
    (65, 40, 13, 2, Situation::Settled),
    (63, 40, 13, 3, Situation::Tolerated),
    (63, 40, 13, 1, Situation::AboveTolerance),
    (65, 40, 7, 1, Situation::AboveTolerance),
    (63, 40, 13, 1, Situation::BelowTolerance),
    (64, 8, 65, 2, Situation::Limited),
    (101, 20, 11, 3, Situation::Empty),
    (257, 40, 70, 3, Situation::Empty),
    (131, 12, 9, 3, Situation::FewFar),
    (1, 4, 1, 65_537, Situation::GoesOn),
];

pub fn cases(context: Context) -> Vec<Case> {
    let benchmarks = &[(200_000, 40, 16, 10, Situation::GoesOn), (200_000, 40, 16, 1, Situation::Empty)];
    let tests = if context.purpose == Purpose::Test { TESTS } else { benchmarks };
    tests.iter().map(|test| case(*test, context.purpose)).collect()
}

fn case((rows, columns, clusters, restarts, situation): (u32, u32, u32, u32, Situation), purpose: Purpose) -> Case {
    let name = format!("{restarts}x{rows}x{columns}, {clusters} clusters, {situation:?}");
    let mut case = Case::new(KMEANS_MOVE.name, "default", name, purpose);
    let shape = KmeansShape { rows, columns, clusters, restarts };
    let mut step = KmeansMove {
        shape,
        iterations: if situation == Situation::Limited { 4 } else { u32::MAX },
        tolerance: if situation == Situation::Tolerated { 1e6 } else { 1e-6 },
    };
    let [n, d, k, r] = [rows, columns, clusters, restarts].map(|size| size as usize);
    let inputs = Owned::new(step, situation, [n, d, k, r]);
    // A kernel that misses or repeats a hundredth of the shift decides wrongly.
    match situation {
        Situation::AboveTolerance => step.tolerance = (0.99 * first_shift(step, &inputs.borrow())) as f32,
        Situation::BelowTolerance => step.tolerance = (1.01 * first_shift(step, &inputs.borrow())) as f32,
        _ => {}
    }
    let views = [
        case.input("rows", &inputs.rows),
        case.input("weights", &inputs.weights),
        case.input("mean", &inputs.mean),
        case.input("labels", &inputs.labels),
        case.input("distances", &inputs.distances),
    ];
    let expect = |part: usize| {
        let inputs = inputs.clone();
        Box::new(move || kmeans_move(step, &inputs.borrow())[part].clone())
    };
    let sums = case.updated("sums", &inputs.sums, Bounds::float(1e-12, 1e-4), expect(0));
    let centers = case.updated("centers", &inputs.centers, Bounds::float(1e-11, 1e-4), expect(1));
    let states = case.updated("states", &inputs.states, Bounds::integers(), expect(2));
    let [rows, weights, mean, labels, distances] = views;
    let label = case.name.clone();
    case.plan.push(step.step(&label, [rows, weights, mean, labels, distances, sums, centers, states]));
    case
}

/// Returns the sum of the squared shifts of the first restart's centres, by the reference.
fn first_shift(step: KmeansMove, inputs: &Inputs) -> f64 {
    let [_, moved, _] = kmeans_move(step, inputs);
    let elements = (step.shape.clusters * step.shape.columns) as usize;
    let pairs = moved.iter().zip(inputs.centers).take(elements);
    pairs.map(|(after, before)| (after - f64::from(*before)).powi(2)).sum()
}

/// The inputs of a case. See [`Inputs`].
#[derive(Clone)]
struct Owned {
    rows: Vec<f32>,
    weights: Vec<f32>,
    mean: Vec<f32>,
    labels: Vec<u32>,
    distances: Vec<f32>,
    sums: Vec<f32>,
    centers: Vec<f32>,
    states: Vec<RestartState>,
}

impl Owned {
    fn new(step: KmeansMove, situation: Situation, [n, d, k, r]: [usize; 4]) -> Owned {
        // Some rows equal the first one, and others equal it except in the last column.
        let mut rows = values(14, 0, n * d);
        for index in (3..n).step_by(3) {
            let equal = if index % 2 == 0 { d } else { d - 1 };
            rows.copy_within(0..equal, index * d);
        }
        let weights: Vec<f32> = (0..n as u64).map(|index| 0.5 + (3.0 * unit(14, 1, index)).floor()).collect();
        let with_rows = if matches!(situation, Situation::Empty | Situation::FewFar) { (k / 2).max(1) } else { k };
        let mut labels = labels(14, r * n, with_rows as u32);
        if situation == Situation::Settled {
            labels.iter_mut().for_each(|label| *label &= !CHANGED);
        } else {
            labels.iter_mut().step_by(n).for_each(|label| *label |= CHANGED);
        }
        // Distances repeat, so that the kernel must choose the first of several equally far rows.
        let distance = |index: usize| match situation {
            Situation::FewFar if index % n > 1 => 0.0,
            _ => (1 + bits24(14, 2, index as u64) % 50) as f32,
        };
        let distances: Vec<f32> = (0..r * n).map(distance).collect();
        let states = states(step.shape.restarts);
        let accumulate = lineament::ops::KmeansAccumulate { shape: step.shape, chunk_rows: n as u32, finished_too: true };
        let blank = vec![0.0; r * k * (d + 4)];
        let sums = kmeans_accumulate(accumulate, [&rows, &weights, &distances], &labels, &states, &blank);
        let sums = sums.into_iter().map(|value| value as f32).collect();
        let (mean, centers) = (values(14, 3, d), values(14, 4, r * k * d));
        Owned { rows, weights, mean, labels, distances, sums, centers, states }
    }

    fn borrow(&self) -> Inputs<'_> {
        let Owned { rows, weights, mean, labels, distances, sums, centers, states } = self;
        Inputs { rows, weights, mean, labels, distances, sums, centers, states }
    }
}

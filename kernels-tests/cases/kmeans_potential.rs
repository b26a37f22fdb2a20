//! Cases of `kmeans_potential`, which computes the potential that each candidate for a centre would leave.

use lineament::ops::{KMEANS_POTENTIAL, KmeansPotential, KmeansShape};
use lineament::plan::Variant;

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_potential::kmeans_potential;
use lineament::ops::reference::random::{bits24, unit, values};

/// (rows, columns, clusters, restarts, trials, step). The shapes include the first, the last and other steps, the tiles of every
/// variant ± 1 in rows and in candidates, more than one tile of candidates, and more workgroups than a dimension of the grid
/// allows.
const TESTS: &[(u32, u32, u32, u32, u32, u32)] = &[
    (1, 4, 1, 1, 2, 0),
    (33, 12, 4, 3, 3, 0),
    (31, 40, 4, 2, 3, 1),
    (257, 40, 16, 2, 4, 2),
    (255, 68, 16, 3, 4, 16),
    (97, 8, 30, 2, 5, 7),
    (65, 4, 5, 2, 7, 3),
    (129, 20, 9, 2, 9, 4),
    (1, 4, 2, 65_537, 2, 2),
];

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    for variant in KMEANS_POTENTIAL.variants.iter().filter(|variant| context.runs(variant)) {
        let trials = variant.constant("COLUMNS") - 1;
        let benchmark = &[(200_000, 40, 16, 1, trials, 8)];
        let shapes = if context.purpose == Purpose::Test { TESTS } else { benchmark };
        cases.extend(shapes.iter().map(|&(rows, columns, clusters, restarts, trials, step)| {
            let shape = KmeansShape { rows, columns, clusters, restarts };
            case(KmeansPotential { shape, trials, step }, variant, context)
        }));
    }
    cases
}

fn case(step: KmeansPotential, variant: &'static Variant, context: Context) -> Case {
    let KmeansPotential { shape, trials, step: number } = step;
    let KmeansShape { rows, columns, clusters, restarts } = shape;
    let name = format!("{restarts}x{rows}x{columns}, {trials} trials, step {number} of {clusters}");
    let mut case = Case::new(KMEANS_POTENTIAL.name, variant.name, name, context.purpose);
    let [n, d, k, r, t] = [rows, columns, clusters, restarts, trials].map(|size| size as usize);
    let x = values(15, 0, n * d);
    let weights: Vec<f32> = (0..n as u64).map(|index| (4.0 * unit(15, 1, index)).floor()).collect();
    let closest: Vec<f32> = (0..(r * n) as u64).map(|index| 10.0 * unit(15, 2, index)).collect();
    let picks: Vec<u32> = (0..(r * (k + 1) * (t + 1)) as u64).map(|index| bits24(15, 3, index) % rows).collect();
    let views = [case.input("rows", &x), case.input("weights", &weights), case.input("picks", &picks)];
    let chunk_rows = KmeansPotential::chunk_rows(variant, context.capabilities.subgroup_size) as usize;
    let before = closest.clone();
    let expected = move || kmeans_potential(step, chunk_rows, [&x, &weights, &closest], &picks);
    let of_closest = expected.clone();
    let bounds = Bounds::float(1e-11, 1e-2);
    let closest = case.updated("closest", &before, bounds, Box::new(move || of_closest().0));
    let potentials = case.output("potentials", r * t * n.div_ceil(chunk_rows), bounds, Box::new(move || expected().1));
    let [rows, weights, picks] = views;
    let label = case.name.clone();
    case.plan.push(step.step(&label, variant, context.capabilities.subgroup_size, [rows, weights, picks, closest, potentials]));
    case
}

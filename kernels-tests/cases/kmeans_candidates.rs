//! Cases of `kmeans_candidates`, which chooses the best candidate for one centre and draws the candidates for the next.

use lineament::ops::{KMEANS_CANDIDATES, KmeansCandidates, KmeansPotential, KmeansShape};

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_candidates::kmeans_candidates;
use lineament::ops::reference::random::{bits24, unit, values};

/// (rows, columns, clusters, restarts, trials, step, rows in a chunk). The shapes include the first, the last and other steps, a
/// single row, a chunk ± 1 row, 64 chunks ± 1 and several times as many, and more workgroups than a dimension of the grid
/// allows.
const TESTS: &[(u32, u32, u32, u32, u32, u32, u32)] = &[
    (1, 4, 1, 1, 2, 0, 32),
    (33, 12, 4, 3, 3, 0, 32),
    (255, 40, 4, 2, 3, 1, 256),
    (257, 40, 16, 3, 4, 2, 256),
    (2017, 8, 9, 2, 4, 9, 32),
    (2049, 12, 9, 3, 5, 5, 32),
    (2081, 12, 9, 3, 5, 3, 32),
    (9001, 4, 30, 2, 5, 7, 32),
    (5, 4, 2, 40_000, 2, 1, 32),
];

pub fn cases(context: Context) -> Vec<Case> {
    let benchmarks = &[(200_000, 40, 16, 1, 4, 8, 32), (200_000, 40, 16, 10, 4, 8, 256)];
    let shapes = if context.purpose == Purpose::Test { TESTS } else { benchmarks };
    let step = |&(rows, columns, clusters, restarts, trials, step, chunk_rows): &(u32, u32, u32, u32, u32, u32, u32)| {
        let shape = KmeansShape { rows, columns, clusters, restarts };
        let potential = KmeansPotential { shape, trials, step };
        KmeansCandidates { potential, chunk_rows, first_restart: 5, seed: 0x0123_4567_89ab_cdef }
    };
    shapes.iter().map(|shape| case(step(shape), context.purpose)).collect()
}

fn case(step: KmeansCandidates, purpose: Purpose) -> Case {
    let KmeansPotential { shape, trials, step: number } = step.potential;
    let KmeansShape { rows, columns, clusters, restarts } = shape;
    let chunk_rows = step.chunk_rows;
    let name = format!("{restarts}x{rows}x{columns} by {chunk_rows}, {trials} trials, step {number} of {clusters}");
    let mut case = Case::new(KMEANS_CANDIDATES.name, "default", name, purpose);
    let [n, d, k, r, t] = [rows, columns, clusters, restarts, trials].map(|size| size as usize);
    let chunks = rows.div_ceil(chunk_rows) as usize;
    let x = values(16, 0, n * d);
    let weights: Vec<f32> = (0..n as u64).map(|index| (4.0 * unit(16, 1, index)).floor()).collect();
    let closest: Vec<f32> = (0..(r * n) as u64).map(|index| unit(16, 2, index)).collect();
    // Some chunks have potential 0 and must not be drawn.
    let potential = |index: u64| if bits24(16, 3, index).is_multiple_of(5) { 0.0 } else { 10.0 * unit(16, 4, index) };
    let potentials: Vec<f32> = (0..(r * t * chunks) as u64).map(potential).collect();
    let picks: Vec<u32> = (0..(r * (k + 1) * (t + 1)) as u64).map(|index| bits24(16, 5, index) % rows).collect();
    let centers = values(16, 6, r * k * d);
    let views = [
        case.input("rows", &x),
        case.input("weights", &weights),
        case.input("closest", &closest),
        case.input("potentials", &potentials),
    ];
    let expected = {
        let (picks, centers) = (picks.clone(), centers.clone());
        move || kmeans_candidates(step, [&x, &weights, &closest, &potentials], &picks, &centers)
    };
    let of_picks = expected.clone();
    let picks = case.updated("picks", &picks, Bounds::integers(), Box::new(move || of_picks().0));
    let centers = case.updated("centers", &centers, Bounds::float(0.0, 0.0), Box::new(move || expected().1));
    let [rows, weights, closest, potentials] = views;
    let label = case.name.clone();
    case.plan.push(step.step(&label, [rows, weights, closest, potentials, picks, centers]));
    case
}

//! Cases of `kmeans_accumulate`, which sums the rows of each cluster for each chunk of rows.

use lineament::ops::{KMEANS_ACCUMULATE, KmeansAccumulate, KmeansShape};

use super::kmeans_assign::{labels, states};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_accumulate::kmeans_accumulate;
use lineament::ops::reference::random::{unit, values};

/// (rows, columns, clusters, restarts, rows in a chunk, whether finished restarts are processed). The shapes include one of
/// everything, a chunk ± 1 row, clusters without rows, and more workgroups than a dimension of the grid allows.
const TESTS: &[(u32, u32, u32, u32, u32, bool)] = &[
    (1, 4, 1, 1, 256, false),
    (13, 12, 29, 3, 5, false),
    (63, 40, 7, 3, 64, true),
    (65, 40, 7, 2, 64, false),
    (64, 8, 2, 5, 32, false),
    (1009, 36, 16, 3, 256, true),
    (1, 4, 2, 65_537, 1, false),
];

pub fn cases(context: Context) -> Vec<Case> {
    let step = |&(rows, columns, clusters, restarts, chunk_rows, finished_too): &(u32, u32, u32, u32, u32, bool)| {
        let shape = KmeansShape { rows, columns, clusters, restarts };
        KmeansAccumulate { shape, chunk_rows, finished_too }
    };
    match context.purpose {
        Purpose::Test => TESTS.iter().map(|test| case(step(test), context.purpose)).collect(),
        Purpose::Benchmark => [16, 100]
            .map(|clusters| (200_000, 40, clusters, 1, KmeansAccumulate::chunk_rows(clusters), true))
            .iter()
            .map(|shape| case(step(shape), context.purpose))
            .collect(),
    }
}

fn case(step: KmeansAccumulate, purpose: Purpose) -> Case {
    let KmeansShape { rows, columns, clusters, restarts } = step.shape;
    let finished = if step.finished_too { ", finished too" } else { "" };
    let name = format!("{restarts}x{rows}x{columns}, {clusters} clusters, chunks of {}{finished}", step.chunk_rows);
    let mut case = Case::new(KMEANS_ACCUMULATE.name, "default", name, purpose);
    let [n, d, r] = [rows, columns, restarts].map(|size| size as usize);
    let x = values(12, 0, n * d);
    let weights: Vec<f32> = (0..n as u64).map(|index| (4.0 * unit(12, 1, index)).floor()).collect();
    let distances: Vec<f32> = (0..(r * n) as u64).map(|index| unit(12, 2, index)).collect();
    let (labels, states) = (labels(13, r * n, clusters), states(restarts));
    let before = values(12, 4, r * step.chunks() as usize * 4 * step.shape.sum_entries() as usize);
    let views = [
        case.input("rows", &x),
        case.input("weights", &weights),
        case.input("labels", &labels),
        case.input("distances", &distances),
        case.input("states", &states),
    ];
    let expected = {
        let before = before.clone();
        move || kmeans_accumulate(step, [&x, &weights, &distances], &labels, &states, &before)
    };
    let partials = case.updated("partials", &before, Bounds::float(1e-12, 1e-4), Box::new(expected));
    let [rows, weights, labels, distances, states] = views;
    let label = case.name.clone();
    case.plan.push(step.step(&label, [rows, weights, labels, distances, states, partials]));
    case
}

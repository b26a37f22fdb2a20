//! Cases of `kmeans_assign_accumulate`, which finds the nearest centre of every row and sums the rows of each cluster for each
//! chunk.

use lineament::ops::{KMEANS_ASSIGN_ACCUMULATE, KmeansAssignAccumulate, KmeansShape, Ties};
use lineament::plan::Variant;

use super::kmeans_assign::{binary, labels, states};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_assign_accumulate::kmeans_assign_accumulate;
use lineament::ops::reference::random::{bits24, unit, values};

/// (rows, columns, clusters, restarts, rule for ties, whether rows have weights, whether finished restarts are processed). The
/// shapes include one of everything, primes, a tile, a chunk and a word of 32 rows ± 1, the centres of a tile and the 32
/// clusters of a pass ± 1, clusters without rows, more columns than are shared at a time, and more workgroups than a dimension
/// of the grid allows.
const TESTS: &[(u32, u32, u32, u32, Ties, bool, bool)] = &[
    (1, 4, 1, 1, Ties::First, false, false),
    (1, 8, 1, 1, Ties::First, true, false),
    (7, 12, 3, 2, Ties::ByKey, true, false),
    (191, 40, 15, 3, Ties::First, true, false),
    (193, 40, 17, 3, Ties::First, false, true),
    (255, 8, 4, 2, Ties::ByKey, false, true),
    (1025, 36, 16, 2, Ties::First, true, false),
    (1023, 8, 31, 2, Ties::First, true, false),
    (2111, 24, 8, 1, Ties::ByKey, true, false),
    (61, 136, 33, 2, Ties::ByKey, true, false),
    (97, 24, 64, 1, Ties::First, false, false),
    (1, 8, 2, 65_537, Ties::First, true, false),
];

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    for variant in KMEANS_ASSIGN_ACCUMULATE.variants.iter().filter(|variant| context.runs(variant)) {
        if context.purpose == Purpose::Benchmark {
            let clusters = variant.constant("COLUMNS") * variant.constant("COLUMN_THREADS");
            let shape = KmeansShape { rows: 200_000, columns: 40, clusters, restarts: 1 };
            let step = KmeansAssignAccumulate { shape, ties: Ties::First, weighted: false, finished_too: true };
            cases.push(case(step, variant, context));
            continue;
        }
        for &(rows, columns, clusters, restarts, ties, weighted, finished_too) in TESTS {
            let shape = KmeansShape { rows, columns, clusters, restarts };
            if KmeansAssignAccumulate::suits(variant, shape) {
                cases.push(case(KmeansAssignAccumulate { shape, ties, weighted, finished_too }, variant, context));
            }
        }
    }
    cases
}

fn case(step: KmeansAssignAccumulate, variant: &'static Variant, context: Context) -> Case {
    let KmeansAssignAccumulate { shape, ties, weighted, finished_too } = step;
    let KmeansShape { rows, columns, clusters, restarts } = shape;
    let mut name = format!("{restarts}x{rows}x{columns}, {clusters} clusters, {ties:?}");
    for (holds, text) in [(weighted, ", weighted"), (finished_too, ", finished too")] {
        name.push_str(if holds { text } else { "" });
    }
    let mut case = Case::new(KMEANS_ASSIGN_ACCUMULATE.name, variant.name, name, context.purpose);
    let [n, d, k, r] = [rows, columns, clusters, restarts].map(|size| size as usize);
    // Squared distances between rows and centres of 0 and 1 are whole numbers, so equal ones are exactly equal.
    let draw: fn(u64, usize) -> Vec<f32> = if ties == Ties::First { |tensor, count| values(21, tensor, count) } else { binary };
    let (x, centers) = (draw(0, n * d), draw(1, r * k * d));
    let weight = |index| if weighted { (4.0 * unit(21, 2, index)).floor() } else { 1.0 };
    let weights: Vec<f32> = (0..n as u64).map(weight).collect();
    let keys: Vec<u32> = (0..n as u64).map(|index| bits24(21, 3, index).wrapping_mul(0x9e37_79b1)).collect();
    let (states, before, distances_before) = (states(restarts), labels(4, r * n, clusters), values(21, 5, r * n));
    let chunks = KmeansAssignAccumulate::chunks(variant, rows) as usize;
    let partials_before = values(21, 6, r * chunks * 4 * shape.sum_entries() as usize);
    let views = [
        case.input("rows", &x),
        case.input("weights", &weights),
        case.input("centers", &centers),
        case.input("keys", &keys),
        case.input("states", &states),
    ];
    let expected = {
        let (before, distances, partials) = (before.clone(), distances_before.clone(), partials_before.clone());
        let chunk_rows = variant.constant("CHUNK");
        move || {
            kmeans_assign_accumulate(step, chunk_rows, [&x, &weights, &centers], &keys, &states, &before, [&distances, &partials])
        }
    };
    let of = |index: usize| {
        let expected = expected.clone();
        Box::new(move || std::mem::take(&mut expected()[index]))
    };
    let labels = case.updated("labels", &before, Bounds::integers(), of(0));
    let distances = case.updated("distances", &distances_before, Bounds::float(1e-12, 1e-4), of(1));
    // A chunk's sum of distances reaches 4,400, where neighbouring numbers are 5e-4 apart.
    let partials = case.updated("partials", &partials_before, Bounds::float(1e-12, 1e-3), of(2));
    let [rows, weights, centers, keys, states] = views;
    let label = case.name.clone();
    let views = [rows, weights, centers, keys, states, labels, distances, partials];
    case.plan.push(step.step(&label, variant, context.capabilities.subgroup_size, views));
    case
}

//! Cases of `kmeans_assign` and `kmeans_assign_tables`, which find the nearest centre of every row.

use lineament::ops::{Choice, KmeansAssign, KmeansShape, RestartState, Ties, kmeans_assign_variants};

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_assign::{CHANGED, kmeans_assign};
use lineament::ops::reference::random::{bits24, values};

/// (rows, columns, clusters, restarts, rule for ties, whether finished restarts are processed). The shapes include one of
/// everything, primes, the tiles of every variant ± 1 in rows and in centres, more columns than are loaded at a time, and more
/// workgroups than a dimension of the grid allows.
const TESTS: &[(u32, u32, u32, u32, Ties, bool)] = &[
    (1, 4, 1, 1, Ties::First, false),
    (7, 12, 3, 2, Ties::ByKey, false),
    (31, 40, 15, 3, Ties::First, false),
    (33, 40, 17, 3, Ties::First, true),
    (255, 8, 4, 2, Ties::ByKey, true),
    (257, 68, 5, 1, Ties::First, false),
    (61, 132, 33, 2, Ties::ByKey, false),
    (1, 4, 2, 65_537, Ties::First, false),
];

/// Returns the states of restarts: in turn, one that is running, one that has finished, and one that is about to begin.
pub fn states(restarts: u32) -> Vec<RestartState> {
    let cycle = [(0, 3), (2, 5), (0, 0)].map(|(finished, iterations)| RestartState { finished, iterations });
    cycle.into_iter().cycle().take(restarts as usize).collect()
}

/// Returns random labels below `clusters`, some of them with the bit that marks a change.
pub fn labels(tensor: u64, count: usize, clusters: u32) -> Vec<u32> {
    let label = |index| {
        let bits = bits24(11, tensor, index);
        (bits / 2 % clusters) | if bits % 2 == 1 { CHANGED } else { 0 }
    };
    (0..count as u64).map(label).collect()
}

/// Packs rows as bits, `[rows, ⌈columns / 32⌉]`: a bit is 1 if the value is not 0.
fn words(x: &[f32], columns: usize) -> Vec<u32> {
    let word = |numbers: &[f32]| (0..).zip(numbers).fold(0, |word, (bit, number)| word | u32::from(*number != 0.0) << bit);
    x.chunks_exact(columns).flat_map(|row| row.chunks(32).map(word)).collect()
}

/// Returns random zeros and ones.
pub fn binary(tensor: u64, count: usize) -> Vec<f32> {
    (0..count as u64).map(|index| (bits24(11, tensor, index) % 2) as f32).collect()
}

pub fn cases(context: Context) -> Vec<Case> {
    let mut cases = Vec::new();
    for choice in kmeans_assign_variants().filter(|(_, variant)| context.runs(variant)) {
        let variant = choice.1;
        if context.purpose == Purpose::Benchmark {
            let columns =
                if KmeansAssign::suits(choice, KmeansShape { rows: 1, columns: 40, clusters: 1, restarts: 1 }) { 40 } else { 12 };
            let shape = KmeansShape { rows: 200_000, columns, clusters: variant.constant("COLUMNS"), restarts: 1 };
            for ties in [Ties::First, Ties::ByKey] {
                cases.push(case(KmeansAssign { shape, ties, scaled: false, finished_too: true }, choice, context));
            }
            continue;
        }
        for &(rows, columns, clusters, restarts, ties, finished_too) in TESTS {
            let shape = KmeansShape { rows, columns, clusters, restarts };
            if !KmeansAssign::suits(choice, shape) {
                continue;
            }
            let scaled = ties == Ties::First && variant.constant("BITS") == 1;
            cases.push(case(KmeansAssign { shape, ties, scaled, finished_too }, choice, context));
        }
    }
    cases
}

fn case(step: KmeansAssign, (kernel, variant): Choice, context: Context) -> Case {
    let KmeansAssign { shape, ties, scaled, finished_too } = step;
    let KmeansShape { rows, columns, clusters, restarts } = shape;
    let finished = if finished_too { ", finished too" } else { "" };
    let name = format!("{restarts}x{rows}x{columns}, {clusters} clusters, {ties:?}{finished}");
    let mut case = Case::new(kernel.name, variant.name, name, context.purpose);
    let [n, d, k, r] = [rows, columns, clusters, restarts].map(|size| size as usize);
    // Squared distances between rows and centres of 0 and 1 are whole numbers, so equal ones are exactly equal.
    let draw: fn(u64, usize) -> Vec<f32> = if ties == Ties::First { |tensor, count| values(11, tensor, count) } else { binary };
    let (mut x, centers) = (draw(0, n * d), draw(1, r * k * d));
    let scales: Vec<f32> = if scaled { values(11, 5, d) } else { vec![1.0; d] };
    let bits = variant.constant("BITS") == 1;
    if bits {
        let scaled_bits = binary(6, n * d).into_iter().zip(scales.iter().cycle());
        x = scaled_bits.map(|(bit, scale)| bit * scale).collect();
    }
    let keys: Vec<u32> = (0..n as u64).map(|index| bits24(11, 2, index).wrapping_mul(0x9e37_79b1)).collect();
    let (states, before, distances_before) = (states(restarts), labels(3, r * n, clusters), values(11, 4, r * n));
    let rows = if bits { case.input("rows", &words(&x, d)) } else { case.input("rows", &x) };
    let views = [
        rows,
        case.input("scales", &scales),
        case.input("centers", &centers),
        case.input("keys", &keys),
        case.input("states", &states),
    ];
    let expected = {
        let (before, distances) = (before.clone(), distances_before.clone());
        move || kmeans_assign(shape, (ties, finished_too), [&x, &centers], &keys, &states, &before, &distances)
    };
    let of_labels = expected.clone();
    let labels = case.updated("labels", &before, Bounds::integers(), Box::new(move || of_labels().0));
    let bounds = Bounds::float(1e-12, 1e-4);
    let distances = case.updated("distances", &distances_before, bounds, Box::new(move || expected().1));
    let [rows, scales, centers, keys, states] = views;
    let label = case.name.clone();
    case.plan.push(step.step(
        &label,
        (kernel, variant),
        context.capabilities.subgroup_size,
        [rows, scales, centers, keys, states, labels, distances],
    ));
    case
}

//! Cases of `kmeans_accumulate_bits`, which sums the rows of each cluster for each chunk of rows by counting bits.

use lineament::ops::{Choice, KmeansAccumulate, KmeansAccumulateBits, KmeansShape, kmeans_accumulate_bits_variants};

use super::kmeans_assign::{binary, labels, states};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::kmeans_accumulate::kmeans_accumulate;
use lineament::ops::reference::random::{bits24, values};

/// (rows, columns, clusters, restarts, binary digits of the largest weight, whether finished restarts are processed). 0 digits
/// mean that all weights are 1. The shapes include one of everything, a group of 32 rows and a chunk ± 1, the 16 clusters of a
/// pass and the four of a thread ± 1, several chunks and passes, and more work items than threads.
const TESTS: &[(u32, u32, u32, u32, u32, bool)] = &[
    (1, 4, 1, 1, 0, false),
    (31, 12, 17, 3, 1, false),
    (33, 40, 15, 3, 3, true),
    (2047, 8, 5, 2, 0, true),
    (2049, 40, 33, 3, 4, false),
    (4500, 132, 16, 3, 2, false),
    (97, 36, 64, 2, 0, false),
    (1, 4, 2, 65_537, 1, false),
];

pub fn cases(context: Context) -> Vec<Case> {
    let benchmarks = &[(200_000, 40, 16, 1, 0, true), (200_000, 40, 16, 1, 4, true), (200_000, 40, 64, 1, 0, true)];
    let tests = if context.purpose == Purpose::Test { TESTS } else { benchmarks };
    let choices = kmeans_accumulate_bits_variants().filter(|(_, variant)| context.runs(variant));
    choices.flat_map(|choice| tests.iter().map(move |test| case(*test, choice, context))).collect()
}

type Shape = (u32, u32, u32, u32, u32, bool);

fn case(test: Shape, choice: Choice, context: Context) -> Case {
    let (rows, columns, clusters, restarts, most_digits, finished_too) = test;
    let finished = if finished_too { ", finished too" } else { "" };
    let name = format!("{restarts}x{rows}x{columns}, {clusters} clusters, {most_digits} digits{finished}");
    let mut case = Case::new(choice.0.name, choice.1.name, name, context.purpose);
    let shape = KmeansShape { rows, columns, clusters, restarts };
    let step = KmeansAccumulateBits { shape, weighted: most_digits > 0, finished_too };
    let [n, d, r] = [rows, columns, restarts].map(|size| size as usize);
    let (bits, scales) = (binary(0, n * d), values(15, 1, d));
    // Some weights are 0. Chunks after the first have at most one digit.
    let chunk_rows = KmeansAccumulateBits::CHUNK_ROWS as usize;
    let digits: Vec<u32> = (0..step.chunks()).map(|chunk| if chunk == 0 { most_digits } else { most_digits.min(1) }).collect();
    let weight = |row: usize| if most_digits == 0 { 1 } else { bits24(15, 2, row as u64) % (1 << digits[row / chunk_rows]) };
    let weights: Vec<u32> = (0..n).map(weight).collect();
    let mut planes = vec![0u32; n.div_ceil(32) * d];
    for (index, bit) in bits.iter().enumerate() {
        planes[index / d / 32 * d + index % d] |= u32::from(*bit == 1.0) << (index / d % 32);
    }
    let mut counts = vec![0u32; n.div_ceil(32) * (most_digits as usize).max(1)];
    for (plane, words) in counts.chunks_exact_mut(n.div_ceil(32)).enumerate() {
        weights.iter().enumerate().for_each(|(row, weight)| words[row / 32] |= ((weight >> plane) & 1) << (row % 32));
    }
    let (labels, states) = (labels(15, r * n, clusters), states(restarts));
    let before = values(15, 4, r * step.chunks() as usize * 4 * shape.sum_entries() as usize);
    let views = [
        case.input("planes", &planes),
        case.input("counts", &counts),
        case.input("digits", &digits),
        case.input("scales", &scales),
        case.input("labels", &labels),
        case.input("states", &states),
    ];
    let expected = {
        let before = before.clone();
        move || {
            let x: Vec<f32> = bits.iter().zip(scales.iter().cycle()).map(|(bit, scale)| bit * scale).collect();
            let weights: Vec<f32> = weights.iter().map(|weight| *weight as f32).collect();
            let numbers = KmeansAccumulate { shape, chunk_rows: KmeansAccumulateBits::CHUNK_ROWS, finished_too };
            kmeans_accumulate(numbers, [&x, &weights, &vec![0.0; r * n]], &labels, &states, &before)
        }
    };
    let partials = case.updated("partials", &before, Bounds::float(1e-12, 1e-4), Box::new(expected));
    let [planes, counts, digits, scales, labels, states] = views;
    let label = case.name.clone();
    case.plan.push(step.step(
        &label,
        choice,
        context.capabilities.subgroup_size,
        [planes, counts, digits, scales, labels, states, partials],
    ));
    case
}

//! Cases of the weight gradient of a dense layer, in all three kernels.

use lineament::ops::{
    Choice, DenseBackwardWeight, OperandScale, dense_backward_weight_mixed_variants, dense_backward_weight_variants,
};
use lineament::plan::RowParts;

use super::{by_shape, layer_input::normalised, rounded::rounded};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{dense_backward_weight::dense_backward_weight, widen};

/// (rows, rows per part, inputs, outputs): one of each, primes, a tile ± 1, several parts with a last one that is not full, and
/// parts of the greatest length.
const TESTS: &[(u32, u32, u32, u32)] = &[
    (1, 1, 4, 4),
    (7, 7, 12, 20),
    (31, 31, 36, 28),
    (64, 64, 68, 132),
    (63, 63, 60, 124),
    (129, 129, 4, 36),
    (1, 1, 1028, 4),
    (37, 9, 36, 28),
    (64, 16, 68, 132),
    (20_011, 2048, 16, 4),
];
/// The two layers of the head with batch 64, and pointwise convolutions at 224 × 224 with batch 8.
const BENCHMARKS: &[(u32, u32, u32, u32)] = &[
    (64, 64, 1280, 1536),
    (64, 64, 1536, 40),
    (8 * 112 * 112, 2048, 16, 96),
    (8 * 56 * 56, 2048, 96, 24),
    (8 * 14 * 14, 784, 64, 384),
    (8 * 14 * 14, 784, 384, 64),
    (8 * 7 * 7, 392, 320, 1280),
];

pub fn cases(context: Context) -> Vec<Case> {
    let families = dense_backward_weight_variants()
        .chain(dense_backward_weight_mixed_variants())
        .filter(|(_, variant)| context.runs(variant));
    let of_family = |family| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, family, purpose, context));
    families.flat_map(of_family).collect()
}

/// The shape whose input is raw and is normalised while it is loaded.
const NORMALISED: (u32, u32, u32, u32) = (37, 9, 36, 28);

fn case((rows, rows_a_part, inputs, outputs): (u32, u32, u32, u32), family: Choice, purpose: Purpose, context: Context) -> Case {
    let mut case =
        Case::new(family.0.name, family.1.name, format!("{rows}x{inputs} · {rows}x{outputs} by {rows_a_part}"), purpose);
    let [m, k, n] = [rows, inputs, outputs].map(|size| size as usize);
    let is_mixed = family.1.rounds_operands();
    let (x, mut gy) = (values(17, 0, m * k), values(17, 1, m * n));
    if is_mixed {
        // Without the scale, such small gradients lose most of their bits. In one shape, most gradients exceed the range.
        let factor = if (rows, inputs) == (63, 60) { 16.0 } else { 1.0 / (1 << 20) as f32 };
        gy.iter_mut().for_each(|value| *value *= factor);
    }
    let views = (case.input("x", &x), case.input("gy", &gy));
    let (input, x) = normalised(&mut case, (views.0, &x), inputs, (rows, rows_a_part, inputs, outputs) == NORMALISED);
    let (mut x, mut gy) = (x, gy);
    if is_mixed {
        gy = rounded(&gy, OperandScale::GRADIENT);
        x = widen(&rounded(&x.iter().map(|value| *value as f32).collect::<Vec<f32>>(), OperandScale::NONE));
    }
    let rows = RowParts { rows, rows_a_part };
    let part = rows_a_part as usize;
    let expected = move || {
        let gy = widen(&gy);
        let parts = x.chunks(part * k).zip(gy.chunks(part * n));
        parts.flat_map(|(x, gy)| dense_backward_weight([x.len() / k, k, n], x, gy)).collect()
    };
    // The sums and their rounding errors grow with the square root of the number of rows.
    let max_abs = 4e-5 * (f64::from(rows_a_part) / 128.0).max(1.0).sqrt();
    let weight_gradient =
        case.output("weight gradient", rows.count() as usize * k * n, Bounds::float(1e-12, max_abs), Box::new(expected));
    case.plan.push(DenseBackwardWeight { rows, inputs, outputs }.step(
        "weight gradient",
        family,
        context.capabilities.subgroup_size,
        input,
        views.1,
        weight_gradient,
    ));
    case
}

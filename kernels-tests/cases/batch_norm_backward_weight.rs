//! Cases of the weight gradients of batch normalisation, alone and followed by ReLU6.

use std::rc::Rc;

use lineament::ops::{Activation, BATCH_NORM_BACKWARD_WEIGHT, BatchNormBackwardWeight};
use lineament::plan::RowParts;

use super::batch_norm::Backward;
use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Expected, Purpose};
use lineament::ops::reference::batch_norm_backward_weight::batch_norm_backward_weight;
use lineament::ops::reference::widen;

/// (rows, rows per part, channels): one row, primes, 16 rows ± 1, more than one run of rows, and more than one part.
const TESTS: &[(u32, u32, u32)] = &[
    (1, 1, 4),
    (7, 7, 12),
    (15, 15, 16),
    (17, 17, 20),
    (1025, 1025, 4),
    (2003, 2003, 8),
    (2, 2, 132),
    (35, 16, 20),
    (2100, 1040, 8),
    (20_011, 2048, 8),
];
/// The head with batch 64, and a layer of the network at 112 × 112 with batch 8.
const BENCHMARKS: &[(u32, u32, u32)] = &[(64, 64, 1536), (8 * 112 * 112, 2048, 32)];

pub fn cases(context: Context) -> Vec<Case> {
    let after = |activation| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, activation, purpose));
    [Activation::None, Activation::Relu6].into_iter().flat_map(after).collect()
}

fn case((rows, rows_a_part, channels): (u32, u32, u32), activation: Activation, purpose: Purpose) -> Case {
    let name = format!("{rows}x{channels} by {rows_a_part} {activation:?}");
    let mut case = Case::new(BATCH_NORM_BACKWARD_WEIGHT.name, "default", name, purpose);
    let given = Rc::new(Backward::draw(12, [rows, channels], activation));
    let [gy, x, statistics, affine] = given.inputs(&mut case);
    let shape = BatchNormBackwardWeight { rows: RowParts { rows, rows_a_part }, channels, epsilon: given.epsilon, activation };
    let c = channels as usize;
    let part = rows_a_part as usize * c;
    let expected = [0, 1].map(|which| -> Expected {
        let given = given.clone();
        Box::new(move || {
            let [mean, variance] = [0, 1].map(|i| widen(&given.statistics[i]));
            let (g, x) = (given.before_activation(activation), widen(&given.x));
            let parts = g.chunks(part).zip(x.chunks(part));
            let gradients = parts.map(|(g, x)| batch_norm_backward_weight(f64::from(shape.epsilon), g, x, [&mean, &variance]));
            gradients.flat_map(|gradients| gradients[which].clone()).collect()
        })
    });
    let parts = shape.rows.count() as usize;
    let gradients = case.output_pair(["dgamma", "dbeta"], [parts, c], Bounds::float(1e-11, 1e-4), expected);
    case.plan.push(shape.step("dw", gy, x, statistics, affine, gradients));
    case
}

//! Batch norm with given statistics, alone and before an activation.

use lineament::kernels::{Activation, BATCH_NORM, BatchNorm};

use super::by_shape;
use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::{unit, values};
use crate::reference::{batch_norm::batch_norm, pointwise::activate, widen};

/// (rows, channels, activation): one, primes, tile ± 1.
const TESTS: &[(u32, u32, Activation)] = &[
    (1, 4, Activation::None),
    (7, 12, Activation::Relu6),
    (63, 4, Activation::None),
    (13, 20, Activation::Relu),
    (65, 68, Activation::Relu6),
];
/// The head's batch, and a layer of the network at 112 × 112, batch 8.
const BENCHMARKS: &[(u32, u32, Activation)] = &[(64, 1536, Activation::None), (8 * 112 * 112, 32, Activation::Relu6)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, channels, activation): (u32, u32, Activation), purpose: Purpose) -> Case {
    let mut case = Case::new(BATCH_NORM.name, "default", format!("{rows}x{channels} {activation:?}"), purpose);
    let c = channels as usize;
    let x = values(11, 0, rows as usize * c);
    let variance: Vec<f32> = (0..c as u64).map(|i| unit(11, 2, i)).collect();
    // Scaled so that ReLU6 meets both its knees.
    let gamma: Vec<f32> = values(11, 3, c).iter().map(|gamma| 6.0 * gamma).collect();
    let given = [values(11, 1, c), variance, gamma, values(11, 4, c)];
    let view = case.input("x", &x);
    let [mean, variance, gamma, beta] =
        [("mean", 0), ("variance", 1), ("gamma", 2), ("beta", 3)].map(|(label, i)| case.input(label, &given[i]));
    let shape = BatchNorm { rows, channels, epsilon: 1e-3, activation };
    let expected = move || {
        let [mean, variance, gamma, beta] = [0, 1, 2, 3].map(|i| widen(&given[i]));
        let normalised = batch_norm(f64::from(shape.epsilon), &widen(&x), [&mean, &variance], [&gamma, &beta]);
        normalised.into_iter().map(|value| activate(activation, value)).collect()
    };
    let y = case.output("y", rows as usize * c, Bounds::float(1e-12, 1e-5), Box::new(expected));
    case.plan.push(shape.step("normalise", view, [mean, variance], [gamma, beta], y));
    case
}

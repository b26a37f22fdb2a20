//! Cases of the input gradient of batch normalisation, in training and in inference, alone and followed by ReLU6.

use lineament::ops::{Activation, BATCH_NORM_BACKWARD_INPUT, BatchNormBackwardInput};

use super::batch_norm::Backward;
use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::batch_norm_backward_input::batch_norm_backward_input;
use lineament::ops::reference::batch_norm_backward_weight::batch_norm_backward_weight;
use lineament::ops::reference::batch_norm_statistics::batch_norm_statistics;
use lineament::ops::reference::random::values;
use lineament::ops::reference::widen;

/// (rows, all rows, channels): one row, primes, a workgroup of rows ± 1, and parts of the rows.
const TESTS: &[(u32, u32, u32)] = &[(1, 1, 4), (7, 7, 12), (63, 63, 4), (13, 20, 20), (65, 65, 68), (9, 3001, 8)];
/// (rows, channels) of a tensor with two rows in all.
const TWO: &[(u32, u32)] = &[(2, 4), (2, 68), (1, 12)];
/// The head with batch 64, and a layer of the network at 112 × 112 with batch 8.
const BENCHMARKS: &[(u32, u32, u32)] = &[(64, 64, 1536), (8 * 112 * 112, 8 * 112 * 112, 32)];

pub fn cases(context: Context) -> Vec<Case> {
    let kinds = [true, false].into_iter().flat_map(|training| [Activation::None, Activation::Relu6].map(|a| (training, a)));
    let kind = |kind| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, kind, purpose));
    let two = |activation| by_shape(context, TWO, &[], move |shape, purpose| of_two(shape, activation, purpose));
    kinds.flat_map(kind).chain([Activation::None, Activation::Relu6].into_iter().flat_map(two)).collect()
}

fn case((rows, all_rows, channels): (u32, u32, u32), (training, activation): (bool, Activation), purpose: Purpose) -> Case {
    let mode = if training { "training" } else { "inference" };
    let name = format!("{rows}x{channels} of {all_rows} {mode} {activation:?}");
    let mut case = Case::new(BATCH_NORM_BACKWARD_INPUT.name, "default", name, purpose);
    let c = channels as usize;
    let given = Backward::draw(13, [rows, channels], activation);
    let gradients: [Vec<f32>; 2] = [6, 7].map(|tensor| values(13, tensor, c).iter().map(|g| g * all_rows as f32 / 4.0).collect());
    let [gy, x, statistics, affine] = given.inputs(&mut case);
    let of_weights = case.input("gradients", &gradients.concat());
    let shape = BatchNormBackwardInput { rows, all_rows, channels, epsilon: given.epsilon, training, activation };
    let expected = move || {
        let [mean, variance, gamma, dgamma, dbeta] =
            [&given.statistics[0], &given.statistics[1], &given.affine[0], &gradients[0], &gradients[1]].map(|v| widen(v));
        let g = given.before_activation(activation);
        let weights = [&gamma[..], &dgamma, &dbeta];
        let all_rows = training.then_some(all_rows);
        batch_norm_backward_input(all_rows, f64::from(given.epsilon), &g, &widen(&given.x), [&mean, &variance], weights)
    };
    let dx = case.output("dx", rows as usize * c, Bounds::float(1e-12, 1e-5), Box::new(expected));
    case.plan.push(shape.step("dx", gy, x, statistics, affine, of_weights, dx));
    case
}

/// Returns a case of two rows that are normalised by their own statistics. Only the share epsilon / (variance + epsilon) of the
/// gradient remains, so rounding errors of the statistics must not dominate it.
fn of_two((rows, channels): (u32, u32), activation: Activation, purpose: Purpose) -> Case {
    let name = format!("{rows}x{channels} of a batch of two {activation:?}");
    let mut case = Case::new(BATCH_NORM_BACKWARD_INPUT.name, "default", name, purpose);
    let c = channels as usize;
    let mut given = Backward { epsilon: 1e-5, ..Backward::draw(14, [2, channels], Activation::None) };
    let epsilon = f64::from(given.epsilon);
    let x = widen(&given.x);
    let (mean, variance) = batch_norm_statistics(c, &x);
    given.statistics = [narrow(&mean), narrow(&variance)];
    let g = given.before_activation(activation);
    let [dgamma, dbeta] = batch_norm_backward_weight(epsilon, &g, &x, [&mean, &variance]);
    let [gy, x_view, statistics, affine] = given.inputs(&mut case);
    let gradients = case.input("gradients", &[narrow(&dgamma), narrow(&dbeta)].concat());
    let shape = BatchNormBackwardInput { rows, all_rows: 2, channels, epsilon: given.epsilon, training: true, activation };
    let elements = rows as usize * c;
    let expected = move || {
        let weights = [&widen(&given.affine[0])[..], &dgamma, &dbeta];
        batch_norm_backward_input(Some(2), epsilon, &g[..elements], &x[..elements], [&mean, &variance], weights)
    };
    let dx = case.output("dx", elements, Bounds::float(1e-12, 1e-5), Box::new(expected));
    case.plan.push(shape.step("dx", gy, x_view, statistics, affine, gradients, dx));
    case
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}

//! Cases of one update of AdaDelta.

use lineament::ops::Adadelta;

use super::optimizer::{self, Trial, update};
use crate::harness::case::{Bounds, Case, Context};

const fn trial(rule: Adadelta, count: u32, learning_rate: f64) -> Trial<Adadelta> {
    Trial { rule, update: update(count, learning_rate, 1) }
}

/// One vector of four, multiples of a prime, and a workgroup ± one vector, with the default settings of Keras, PyTorch and
/// TensorFlow 2.
const TESTS: &[Trial<Adadelta>] = &[
    trial(Adadelta::KERAS, 4, 1.0),
    trial(Adadelta { rho: 0.9, epsilon: 1e-6 }, 28, 1.0),
    trial(Adadelta::KERAS, 252, 1.0),
    trial(Adadelta::KERAS, 260, 0.001),
    trial(Adadelta::KERAS, 1028, 1.0),
];
const BENCHMARKS: &[Trial<Adadelta>] = &[trial(Adadelta::KERAS, 1280 * 1536, 1.0)];

pub fn cases(context: Context) -> Vec<Case> {
    let states = &[("accumulated gradient", true), ("accumulated update", true)];
    optimizer::cases(context, [TESTS, BENCHMARKS], states, (24, Bounds::float(1e-12, 1e-6)))
}

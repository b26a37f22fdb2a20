//! Cases of one update of gradient descent: plain, with momentum, and with Nesterov momentum.

use lineament::ops::Sgd;

use super::optimizer::{self, Trial, update};
use crate::harness::case::{Bounds, Case, Context};

const fn trial((momentum, nesterov): (f32, bool), count: u32, learning_rate: f64) -> Trial<Sgd> {
    Trial { rule: Sgd { momentum, nesterov }, update: update(count, learning_rate, 1) }
}

/// One vector of four, multiples of a prime, and a workgroup ± one vector.
const TESTS: &[Trial<Sgd>] = &[
    trial((0.9, false), 4, 0.01),
    trial((0.0, false), 28, 0.01),
    trial((0.9, true), 252, 0.01),
    trial((0.9, false), 260, 0.5),
    trial((0.5, true), 1028, 0.5),
];
const BENCHMARKS: &[Trial<Sgd>] = &[trial((0.9, true), 1280 * 1536, 0.01)];

pub fn cases(context: Context) -> Vec<Case> {
    optimizer::cases(context, [TESTS, BENCHMARKS], &[("velocity", false)], (27, Bounds::float(1e-13, 1e-6)))
}

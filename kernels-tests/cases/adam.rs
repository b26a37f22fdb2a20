//! Cases of one update of Adam and AdamW, early and late in a training.

use lineament::ops::{Adam, AdamForm};

use super::optimizer::{self, Trial, update};
use crate::harness::case::{Bounds, Case, Context};

const fn trial(rule: Adam, count: u32, learning_rate: f64, number: u32) -> Trial<Adam> {
    Trial { rule, update: update(count, learning_rate, number) }
}

const KERAS: Adam = Adam::KERAS;

/// One vector of four, multiples of a prime, and a workgroup ± one vector, in the forms of Keras and PyTorch, for early updates
/// and a late one.
const TESTS: &[Trial<Adam>] = &[
    trial(KERAS, 4, 1e-3, 1),
    trial(Adam { form: AdamForm::Pytorch, epsilon: 1e-3, ..KERAS }, 28, 1e-3, 2),
    trial(Adam { weight_decay: 0.5, ..KERAS }, 252, 0.1, 1),
    trial(Adam { betas: [0.5, 0.9], epsilon: 0.1, ..KERAS }, 260, 1e-3, 17),
    trial(Adam { form: AdamForm::Pytorch, weight_decay: 0.01, ..KERAS }, 1028, 1e-3, 100_000),
];
const BENCHMARKS: &[Trial<Adam>] = &[trial(KERAS, 1280 * 1536, 1e-3, 1)];

pub fn cases(context: Context) -> Vec<Case> {
    let states = &[("first moment", false), ("second moment", true)];
    optimizer::cases(context, [TESTS, BENCHMARKS], states, (26, Bounds::float(1e-12, 1e-5)))
}

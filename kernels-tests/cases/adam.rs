//! Cases of one update of Adam and AdamW, early and late in a training. Some gradients and averages are zero.

use lineament::ops::{Adam, AdamForm, Update};

use super::by_shape;
use super::optimizers::case;
use crate::harness::case::{Bounds, Case, Context};
use lineament::ops::reference::random::{unit, values};

const fn update(count: u32, number: u32) -> Update {
    Update { count, decays: true, learning_rate: 1e-3, number }
}

const KERAS: Adam = Adam::KERAS;

/// One vector of four, multiples of a prime, and a workgroup ± one vector, in the forms of Keras and PyTorch, for early updates
/// and a late one.
const TESTS: &[(Adam, Update)] = &[
    (KERAS, update(4, 1)),
    (Adam { form: AdamForm::Pytorch, epsilon: 1e-3, ..KERAS }, update(28, 2)),
    (Adam { weight_decay: 0.5, ..KERAS }, Update { learning_rate: 0.1, ..update(252, 1) }),
    (Adam { betas: [0.5, 0.9], epsilon: 0.1, ..KERAS }, update(260, 17)),
    (Adam { form: AdamForm::Pytorch, weight_decay: 0.01, ..KERAS }, update(1028, 100_000)),
    (Adam { weight_decay: 0.5, ..KERAS }, Update { learning_rate: 0.1, decays: false, ..update(28, 1) }),
];
const BENCHMARKS: &[(Adam, Update)] = &[(KERAS, update(1280 * 1536, 1))];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, |(optimizer, update), purpose| {
        let count = update.count as usize;
        let mut gradient = values(26, 0, count);
        (gradient[1], gradient[2]) = (0.0, 0.0);
        let squares = (0..count as u64).map(|i| 0.01 * unit(26, 3, i)).collect();
        let mut before = vec![values(26, 1, count), values(26, 2, count), squares];
        (before[1][2], before[2][2]) = (0.0, 0.0);
        case(optimizer.into(), update, gradient, before, Bounds::float(1e-12, 1e-5), purpose)
    })
}

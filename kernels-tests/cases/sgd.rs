//! Cases of one update of gradient descent: plain, with momentum, and with Nesterov momentum.

use lineament::ops::{Sgd, Update};

use super::by_shape;
use super::optimizers::case;
use crate::harness::case::{Bounds, Case, Context};
use lineament::ops::reference::random::values;

const fn update(count: u32, learning_rate: f64) -> Update {
    Update { count, decays: true, learning_rate, number: 1 }
}

const KERAS: Sgd = Sgd { momentum: 0.9, nesterov: false };

/// One vector of four, multiples of a prime, and a workgroup ± one vector.
const TESTS: &[(Sgd, Update)] = &[
    (KERAS, update(4, 0.01)),
    (Sgd { momentum: 0.0, ..KERAS }, update(28, 0.01)),
    (Sgd { nesterov: true, ..KERAS }, update(252, 0.01)),
    (KERAS, update(260, 0.5)),
    (Sgd { nesterov: true, momentum: 0.5 }, update(1028, 0.5)),
];
const BENCHMARKS: &[(Sgd, Update)] = &[(Sgd { nesterov: true, ..KERAS }, update(1280 * 1536, 0.01))];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, |(optimizer, update), purpose| {
        let count = update.count as usize;
        let before = vec![values(27, 1, count), values(27, 2, count)];
        case(optimizer.into(), update, values(27, 0, count), before, Bounds::float(1e-13, 1e-6), purpose)
    })
}

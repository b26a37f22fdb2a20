//! Cases of one update of AdaDelta. One gradient is zero.

use lineament::ops::{Adadelta, Update};

use super::by_shape;
use super::optimizers::case;
use crate::harness::case::{Bounds, Case, Context};
use lineament::ops::reference::random::{unit, values};

const fn update(count: u32) -> Update {
    Update { count, decays: true, learning_rate: 1.0, number: 1 }
}

/// One vector of four, multiples of a prime, and a workgroup ± one vector, with the default settings of Keras, PyTorch and
/// TensorFlow 2.
const TESTS: &[(Adadelta, Update)] = &[
    (Adadelta::KERAS, update(4)),
    (Adadelta { rho: 0.9, epsilon: 1e-6 }, update(28)),
    (Adadelta::KERAS, update(252)),
    (Adadelta::KERAS, Update { learning_rate: 0.001, ..update(260) }),
    (Adadelta::KERAS, update(1028)),
];
const BENCHMARKS: &[(Adadelta, Update)] = &[(Adadelta::KERAS, update(1280 * 1536))];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, |(optimizer, update), purpose| {
        let count = update.count as usize;
        let mut gradient = values(24, 0, count);
        gradient[1] = 0.0;
        let average = |tensor| (0..count as u64).map(|i| 0.01 * unit(24, tensor, i)).collect::<Vec<f32>>();
        let before = vec![values(24, 1, count), average(2), average(3)];
        case(optimizer.into(), update, gradient, before, Bounds::float(1e-12, 1e-6), purpose)
    })
}

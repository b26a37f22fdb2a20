//! Cases of one update of Adam and AdamW, early and late in a training.

use lineament::ops::{Adam, AdamForm, Update};

use super::optimizer::{self, Trial, update};
use crate::harness::case::{Bounds, Case, Context};

const fn trial(rule: Adam, count: u32, learning_rate: f64, number: u32) -> Trial<Adam> {
    Trial { rule, update: update(count, learning_rate, number) }
}

const KERAS: Adam = Adam::KERAS;
const DECAYING: Adam = Adam { weight_decay: 0.5, ..KERAS };

/// One vector of four, multiples of a prime, and a workgroup ± one vector, in the forms of Keras and PyTorch, for early updates
/// and a late one. One rule with weight decay updates parameters that do not decay.
const TESTS: &[Trial<Adam>] = &[
    trial(KERAS, 4, 1e-3, 1),
    trial(Adam { form: AdamForm::Pytorch, epsilon: 1e-3, ..KERAS }, 28, 1e-3, 2),
    trial(DECAYING, 252, 0.1, 1),
    Trial { rule: DECAYING, update: Update { decays: false, ..update(508, 0.1, 1) } },
    trial(Adam { betas: [0.5, 0.9], epsilon: 0.1, ..KERAS }, 260, 1e-3, 17),
    trial(Adam { form: AdamForm::Pytorch, weight_decay: 0.01, ..KERAS }, 1028, 1e-3, 100_000),
];
const BENCHMARKS: &[Trial<Adam>] = &[trial(KERAS, 1280 * 1536, 1e-3, 1)];

pub fn cases(context: Context) -> Vec<Case> {
    let states = &[("first moment", false), ("second moment", true)];
    optimizer::cases(context, [TESTS, BENCHMARKS], states, (26, Bounds::float(1e-12, 1e-5)))
}

#[cfg(test)]
mod tests {
    use lineament::ops::Optimizer;

    use super::*;

    #[test]
    fn weight_decay_leaves_parameters_that_do_not_decay_alone() {
        let updated = |rule: Adam, decays: bool| {
            let mut values = [0.5, 0.25, 0.125];
            rule.reference(Update { decays, ..update(4, 0.1, 1) }, 0.75, &mut values);
            values
        };
        assert_eq!(updated(DECAYING, false), updated(KERAS, true));
        assert_ne!(updated(DECAYING, true), updated(KERAS, true));
    }
}

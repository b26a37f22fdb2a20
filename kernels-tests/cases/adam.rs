//! Cases of one update of Adam and AdamW, early and late in a training. Some gradients and averages are zero.

use lineament::ops::{ADAM, Adam, AdamForm};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::{unit, values};
use lineament::ops::reference::{adam::adam, widen};

const fn keras(count: u32, update: u32) -> Adam {
    let (learning_rate, beta1, beta2, epsilon) = (1e-3, 0.9, 0.999, 1e-7);
    Adam { count, learning_rate, beta1, beta2, epsilon, weight_decay: 0.0, form: AdamForm::Keras, update }
}

/// One vector of four, multiples of a prime, and a workgroup ± one vector, in the forms of Keras and PyTorch, for early updates
/// and a late one.
const TESTS: &[Adam] = &[
    keras(4, 1),
    Adam { form: AdamForm::Pytorch, epsilon: 1e-3, ..keras(28, 2) },
    Adam { weight_decay: 0.5, learning_rate: 0.1, ..keras(252, 1) },
    Adam { beta1: 0.5, beta2: 0.9, epsilon: 0.1, ..keras(260, 17) },
    Adam { form: AdamForm::Pytorch, weight_decay: 0.01, ..keras(1028, 100_000) },
];
const BENCHMARKS: &[Adam] = &[keras(1280 * 1536, 1)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case(rates: Adam, purpose: Purpose) -> Case {
    let Adam { count, learning_rate, beta1, beta2, epsilon, weight_decay, form, update } = rates;
    let name = format!(
        "{count} {form:?} update {update} learning rate {learning_rate} betas {beta1} {beta2} epsilon {epsilon} decay {weight_decay}"
    );
    let mut case = Case::new(ADAM.name, "default", name, purpose);
    let count = count as usize;
    let mut g = values(26, 0, count);
    (g[1], g[2]) = (0.0, 0.0);
    let squares = (0..count as u64).map(|i| 0.01 * unit(26, 3, i)).collect();
    let mut before = [values(26, 1, count), values(26, 2, count), squares];
    (before[1][2], before[2][2]) = (0.0, 0.0);
    let before = std::rc::Rc::new(before);
    let gradient = case.input("gradient", &g);
    let g = std::rc::Rc::new(g);
    let state = [("parameter", 0), ("first moment", 1), ("second moment", 2)].map(|(label, which)| {
        let (g, given) = (g.clone(), before.clone());
        let expected = move || {
            let [p, m, v] = [0, 1, 2].map(|i| widen(&given[i]));
            adam(rates, &widen(&g), [&p, &m, &v])[which].clone()
        };
        case.updated(label, &before[which], Bounds::float(1e-12, 1e-5), Box::new(expected))
    });
    case.plan.push(rates.step("update", gradient, state[0], [state[1], state[2]]));
    case
}

//! Cases of one update of AdaDelta. One gradient is zero.

use lineament::ops::{ADADELTA, Adadelta};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::{unit, values};
use lineament::ops::reference::{adadelta::adadelta, widen};

const fn keras(count: u32) -> Adadelta {
    Adadelta { count, learning_rate: 1.0, rho: 0.95, epsilon: 1e-7 }
}

/// One vector of four, multiples of a prime, and a workgroup ± one vector, with the default settings of Keras, PyTorch and
/// TensorFlow 2.
const TESTS: &[Adadelta] = &[
    keras(4),
    Adadelta { rho: 0.9, epsilon: 1e-6, ..keras(28) },
    keras(252),
    Adadelta { learning_rate: 0.001, ..keras(260) },
    keras(1028),
];
const BENCHMARKS: &[Adadelta] = &[keras(1280 * 1536)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case(rates: Adadelta, purpose: Purpose) -> Case {
    let Adadelta { count, learning_rate, rho, epsilon } = rates;
    let name = format!("{count} learning rate {learning_rate} rho {rho} epsilon {epsilon}");
    let mut case = Case::new(ADADELTA.name, "default", name, purpose);
    let count = count as usize;
    let mut g = values(24, 0, count);
    g[1] = 0.0;
    let average = |tensor| (0..count as u64).map(|i| 0.01 * unit(24, tensor, i)).collect::<Vec<f32>>();
    let before = std::rc::Rc::new([values(24, 1, count), average(2), average(3)]);
    let gradient = case.input("gradient", &g);
    let g = std::rc::Rc::new(g);
    let state = [("parameter", 0), ("accumulated gradient", 1), ("accumulated update", 2)].map(|(label, which)| {
        let (g, given) = (g.clone(), before.clone());
        let expected = move || {
            let [p, a, d] = [0, 1, 2].map(|i| widen(&given[i]));
            adadelta(rates, &widen(&g), [&p, &a, &d])[which].clone()
        };
        case.updated(label, &before[which], Bounds::float(1e-12, 1e-6), Box::new(expected))
    });
    case.plan.push(rates.step("update", gradient, state[0], [state[1], state[2]]));
    case
}

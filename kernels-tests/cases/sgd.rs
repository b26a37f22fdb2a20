//! Cases of one update of gradient descent: plain, with momentum, and with Nesterov momentum.

use lineament::ops::{SGD, Sgd};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{sgd::sgd, widen};

const fn keras(count: u32) -> Sgd {
    Sgd { count, learning_rate: 0.01, momentum: 0.9, nesterov: false }
}

/// One vector of four, multiples of a prime, and a workgroup ± one vector.
const TESTS: &[Sgd] = &[
    keras(4),
    Sgd { momentum: 0.0, ..keras(28) },
    Sgd { nesterov: true, ..keras(252) },
    Sgd { learning_rate: 0.5, ..keras(260) },
    Sgd { nesterov: true, learning_rate: 0.5, momentum: 0.5, ..keras(1028) },
];
const BENCHMARKS: &[Sgd] = &[Sgd { nesterov: true, ..keras(1280 * 1536) }];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case(rates: Sgd, purpose: Purpose) -> Case {
    let Sgd { count, learning_rate, momentum, nesterov } = rates;
    let form = if nesterov { " Nesterov" } else { "" };
    let name = format!("{count} learning rate {learning_rate} momentum {momentum}{form}");
    let mut case = Case::new(SGD.name, "default", name, purpose);
    let count = count as usize;
    let g = values(27, 0, count);
    let before = std::rc::Rc::new([values(27, 1, count), values(27, 2, count)]);
    let gradient = case.input("gradient", &g);
    let g = std::rc::Rc::new(g);
    let [parameter, velocity] = [("parameter", 0), ("velocity", 1)].map(|(label, which)| {
        let (g, given) = (g.clone(), before.clone());
        let expected = move || {
            let [p, v] = [0, 1].map(|i| widen(&given[i]));
            sgd(rates, &widen(&g), [&p, &v])[which].clone()
        };
        case.updated(label, &before[which], Bounds::float(1e-13, 1e-6), Box::new(expected))
    });
    case.plan.push(rates.step("update", gradient, parameter, velocity));
    case
}

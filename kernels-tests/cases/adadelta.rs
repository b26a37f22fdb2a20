//! One update of AdaDelta, with gradients of zero too.

use lineament::kernels::{ADADELTA, Adadelta};

use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::{unit, values};
use crate::reference::{adadelta::adadelta, widen};

const KERAS: Adadelta = Adadelta { count: 0, learning_rate: 1.0, rho: 0.95, epsilon: 1e-7 };
const PYTORCH: Adadelta = Adadelta { rho: 0.9, epsilon: 1e-6, ..KERAS };

/// One quad, primes, tile ± 1.
const TESTS: &[(u32, Adadelta)] = &[(4, KERAS), (28, PYTORCH), (252, KERAS), (260, KERAS)];

pub fn cases(_: Context) -> Vec<Case> {
    let tests = TESTS.iter().map(|(count, rates)| case(Adadelta { count: *count, ..*rates }, Purpose::Test));
    tests.chain([case(Adadelta { count: 1280 * 1536, ..KERAS }, Purpose::Benchmark)]).collect()
}

fn case(rates: Adadelta, purpose: Purpose) -> Case {
    let name = format!("{} rho {} epsilon {}", rates.count, rates.rho, rates.epsilon);
    let mut case = Case::new(ADADELTA.name, "default", name, purpose);
    let count = rates.count as usize;
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
        case.updated(label, &before[which], Bounds::float(1e-12, 1e-5), Box::new(expected))
    });
    case.plan.push(rates.step("update", gradient, state[0], [state[1], state[2]]));
    case
}

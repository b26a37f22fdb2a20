//! Cases of one update of every optimizer in the table, with its default settings and states as they are after a few updates.

use std::rc::Rc;

use lineament::ops::reference::random::values;
use lineament::ops::{AnyOptimizer, OPTIMIZERS, Update};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};

/// (count, number of the update): one vector of four, multiples of a prime, and a workgroup ± one vector.
const TESTS: &[(u32, u32)] = &[(4, 4), (28, 5), (252, 17), (260, 1000), (1028, 4)];
const BENCHMARKS: &[(u32, u32)] = &[(1280 * 1536, 4)];

pub fn cases(context: Context) -> Vec<Case> {
    let of_entry = |place: usize| {
        by_shape(context, TESTS, BENCHMARKS, move |(count, number), purpose| {
            let (entry, count) = (&OPTIMIZERS[place], count as usize);
            let optimizer = entry.with(|_| None);
            let update = Update { count: count as u32, decays: true, learning_rate: entry.learning_rate, number };
            let seed = 40 + place as u64;
            // The states come from the rule itself, so that whatever they hold is possible: an average of squares is not negative.
            let mut before = vec![Vec::with_capacity(count); 1 + optimizer.states()];
            let gradients = [1, 2, 3].map(|tensor| values(seed, tensor, count));
            for (i, parameter) in values(seed, 4, count).into_iter().enumerate() {
                let mut element = vec![0.0; 1 + optimizer.states()];
                element[0] = f64::from(parameter);
                for (number, gradient) in (1..).zip(&gradients) {
                    optimizer.reference(Update { number, ..update }, f64::from(gradient[i]), &mut element);
                }
                for (values, value) in before.iter_mut().zip(element) {
                    values.push(value as f32);
                }
            }
            let mut case = case(optimizer, update, values(seed, 0, count), before, Bounds::float(1e-12, 1e-5), purpose);
            case.name = format!("default {} {}", entry.name, case.name);
            case
        })
    };
    (0..OPTIMIZERS.len()).flat_map(of_entry).collect()
}

/// One update of an optimizer. `before` holds the parameter, then the states.
pub fn case(
    optimizer: AnyOptimizer,
    update: Update,
    gradient: Vec<f32>,
    before: Vec<Vec<f32>>,
    bounds: Bounds,
    purpose: Purpose,
) -> Case {
    let Update { count, decays, learning_rate, number } = update;
    let undecayed = if decays { "" } else { " without decay" };
    let name = format!("{count} update {number} learning rate {learning_rate}{undecayed} {}", optimizer.settings());
    let mut case = Case::new(optimizer.kernel().name, "default", name, purpose);
    let view = case.input("gradient", &gradient);
    let (gradient, before) = (Rc::new(gradient), Rc::new(before));
    let updated = (0..before.len()).map(|which| {
        let (gradient, given, rule) = (gradient.clone(), before.clone(), optimizer.clone());
        let expected = move || {
            let element = |i: usize| {
                let mut element: Vec<f64> = given.iter().map(|values| f64::from(values[i])).collect();
                rule.reference(update, f64::from(gradient[i]), &mut element);
                element[which]
            };
            (0..gradient.len()).map(element).collect()
        };
        let label = ["parameter", "state 0", "state 1", "state 2"].get(which).copied().unwrap_or("a further state");
        case.updated(label, &before[which], bounds, Box::new(expected))
    });
    let updated: Vec<_> = updated.collect();
    case.plan.push(optimizer.step("update", update, view, updated[0], &updated[1..]));
    case
}

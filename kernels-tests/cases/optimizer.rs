//! Cases of one update of any optimizer, against the reference that it brings itself.

use std::rc::Rc;

use lineament::ops::reference::random::{unit, values};
use lineament::ops::{Optimizer, Update};

use crate::harness::case::{Bounds, Case, Context, Purpose};

/// What an optimizer's states are called, and whether they hold averages of squares, which are never negative.
pub type States = &'static [(&'static str, bool)];

/// One update of an optimizer.
#[derive(Debug, Clone, Copy)]
pub struct Trial<T> {
    /// The rule.
    pub rule: T,
    /// The update.
    pub update: Update,
}

/// Returns an update of `count` parameters that weight decay applies to.
pub const fn update(count: u32, learning_rate: f64, number: u32) -> Update {
    Update { count, decays: true, learning_rate, number }
}

/// Returns the case of a trial. Some gradients, and the states that belong to them, are zero.
pub fn case<T: Optimizer + Copy + 'static>(
    Trial { rule, update }: Trial<T>,
    states: States,
    (seed, bounds): (u64, Bounds),
    purpose: Purpose,
) -> Case {
    let Update { count, learning_rate, number, .. } = update;
    let name = format!("{count} update {number} learning rate {learning_rate} {}", rule.settings());
    let mut case = Case::new(rule.kernel().name, "default", name, purpose);
    let count = count as usize;
    let mut gradients = values(seed, 0, count);
    (gradients[1], gradients[2]) = (0.0, 0.0);
    let mut before = vec![values(seed, 1, count)];
    for ((_, squares), tensor) in states.iter().zip(2..) {
        let mut state: Vec<f32> = match squares {
            true => (0..count as u64).map(|i| 0.01 * unit(seed, tensor, i)).collect(),
            false => values(seed, tensor, count),
        };
        state[2] = 0.0;
        before.push(state);
    }
    let gradient = case.input("gradient", &gradients);
    let (gradients, before) = (Rc::new(gradients), Rc::new(before));
    let labels = std::iter::once("parameter").chain(states.iter().map(|(label, _)| *label));
    let mut views = Vec::new();
    for (which, label) in labels.enumerate() {
        let (gradients, given) = (gradients.clone(), before.clone());
        let expected = move || {
            let updated = |i: usize| {
                let mut values: Vec<f64> = given.iter().map(|state| f64::from(state[i])).collect();
                rule.reference(update, f64::from(gradients[i]), &mut values);
                values[which]
            };
            (0..gradients.len()).map(updated).collect()
        };
        views.push(case.updated(label, &before[which], bounds, Box::new(expected)));
    }
    case.plan.push(rule.step("update", update, gradient, views[0], &views[1..]));
    case
}

/// Returns the cases of some trials.
pub fn cases<T: Optimizer + Copy + 'static>(
    context: Context,
    [tests, benchmarks]: [&[Trial<T>]; 2],
    states: States,
    compared: (u64, Bounds),
) -> Vec<Case> {
    super::by_shape(context, tests, benchmarks, |trial, purpose| case(trial, states, compared, purpose))
}

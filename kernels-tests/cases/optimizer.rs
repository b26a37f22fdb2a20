//! Cases of one update of any optimizer, compared with the optimizer's own reference.

use std::rc::Rc;

use lineament::ops::reference::random::{unit, values};
use lineament::ops::{AnyOptimizer, OPTIMIZERS, Optimizer, OptimizerEntry, Update};

use crate::harness::case::{Bounds, Case, Context, Purpose};

/// The name of each state of an optimizer, and whether it is an average of squares, which is never negative.
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
fn trial_case<T: Optimizer + Copy + 'static>(
    Trial { rule, update }: Trial<T>,
    states: States,
    (seed, bounds): (u64, Bounds),
    purpose: Purpose,
) -> Case {
    let count = update.count as usize;
    let mut gradients = values(seed, 0, count);
    (gradients[1], gradients[2]) = (0.0, 0.0);
    let mut before = vec![("parameter", values(seed, 1, count))];
    for ((label, squares), tensor) in states.iter().zip(2..) {
        let mut state: Vec<f32> = match squares {
            true => (0..count as u64).map(|i| 0.01 * unit(seed, tensor, i)).collect(),
            false => values(seed, tensor, count),
        };
        state[2] = 0.0;
        before.push((*label, state));
    }
    case("", &rule.into(), update, gradients, before, (bounds, purpose))
}

/// Returns the case of one update. `before` holds the parameter, then the states, each with its label.
fn case(
    prefix: &str,
    rule: &AnyOptimizer,
    update: Update,
    gradients: Vec<f32>,
    before: Vec<(&'static str, Vec<f32>)>,
    (bounds, purpose): (Bounds, Purpose),
) -> Case {
    let Update { count, decays, learning_rate, number } = update;
    let kept = if decays { "" } else { " without decay" };
    let name = format!("{prefix}{count} update {number} learning rate {learning_rate}{kept} {}", rule.settings());
    let mut case = Case::new(rule.kernel().name, "default", name, purpose);
    let gradient = case.input("gradient", &gradients);
    let (gradients, before) = (Rc::new(gradients), Rc::new(before));
    let mut views = Vec::new();
    for (which, (label, values)) in before.iter().enumerate() {
        let (gradients, given, rule) = (gradients.clone(), before.clone(), rule.clone());
        let expected = move || {
            let updated = |i: usize| {
                let mut values: Vec<f64> = given.iter().map(|(_, values)| f64::from(values[i])).collect();
                rule.reference(update, f64::from(gradients[i]), &mut values);
                values[which]
            };
            (0..gradients.len()).map(updated).collect()
        };
        views.push(case.updated(label, values, bounds, Box::new(expected)));
    }
    case.plan.push(rule.step("update", update, gradient, views[0], &views[1..]));
    case
}

/// (count, number of the update): one vector of four, multiples of a prime, and a workgroup ± one vector.
const TABLE_TESTS: &[(u32, u32)] = &[(4, 4), (28, 5), (252, 17), (260, 1000), (1028, 4)];
/// Number of the update of parameters that weight decay does not apply to.
const WITHOUT_DECAY: u32 = 5;
const TABLE_BENCHMARKS: &[(u32, u32)] = &[(1280 * 1536, 4)];

/// Returns cases of every optimizer in the table, with its default settings, so that a new optimizer has cases at once. The
/// states are those after three updates by the optimizer's own reference, so their values are possible in training.
pub fn table_cases(context: Context) -> Vec<Case> {
    let of_entry = |(place, entry): (usize, &'static OptimizerEntry)| {
        super::by_shape(context, TABLE_TESTS, TABLE_BENCHMARKS, move |(count, number), purpose| {
            let (rule, seed) = (entry.with(|_| None), 40 + place as u64);
            let at = move |number| Update { decays: number != WITHOUT_DECAY, ..update(count, entry.learning_rate, number) };
            let count = count as usize;
            // One element has no gradient in any update: it stays as it is, or only decays.
            let gradients_of = |tensor| {
                let mut gradients = values(seed, tensor, count);
                gradients[2] = 0.0;
                gradients
            };
            let earlier = [1, 2, 3].map(gradients_of);
            let mut before: Vec<(&'static str, Vec<f32>)> = vec![("parameter", Vec::new())];
            let labels = ["state 0", "state 1", "state 2"].into_iter().chain(std::iter::repeat("a further state"));
            before.extend(labels.take(rule.states()).map(|label| (label, Vec::new())));
            for (i, parameter) in values(seed, 4, count).into_iter().enumerate() {
                let mut element = vec![0.0; before.len()];
                element[0] = f64::from(parameter);
                for (number, gradients) in (1..).zip(&earlier) {
                    rule.reference(at(number), f64::from(gradients[i]), &mut element);
                }
                before.iter_mut().zip(element).for_each(|((_, values), value)| values.push(value as f32));
            }
            let bounds = Bounds::float(1e-12, 1e-5);
            case(&format!("{} ", entry.name), &rule, at(number), gradients_of(0), before, (bounds, purpose))
        })
    };
    OPTIMIZERS.iter().enumerate().flat_map(of_entry).collect()
}

/// Returns the cases of some trials.
pub fn cases<T: Optimizer + Copy + 'static>(
    context: Context,
    [tests, benchmarks]: [&[Trial<T>]; 2],
    states: States,
    compared: (u64, Bounds),
) -> Vec<Case> {
    super::by_shape(context, tests, benchmarks, |trial, purpose| trial_case(trial, states, compared, purpose))
}

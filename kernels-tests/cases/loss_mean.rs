//! Cases of the mean loss of a batch.

use lineament::ops::{LOSS_MEAN, LossMean};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{loss_mean::loss_mean, widen};

/// (number of samples, position in a list of five): one sample, primes, and 64 samples ± 1.
const TESTS: &[(u32, u32)] = &[(1, 0), (7, 4), (63, 1), (64, 2), (65, 3), (1009, 4)];
const BENCHMARKS: &[(u32, u32)] = &[(64, 0)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((count, position): (u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(LOSS_MEAN.name, "default", format!("{count} at {position}"), purpose);
    let (loss, before) = (values(22, 0, count as usize), values(22, 1, 5));
    let view = case.input("loss", &loss);
    let given = before.clone();
    let expected = move || loss_mean(position as usize, &widen(&loss), &widen(&given));
    let means = case.updated("means", &before, Bounds::float(1e-12, 1e-6), Box::new(expected));
    case.plan.push(LossMean { count, position }.step("mean", view, means));
    case
}

//! Cases of gradient accumulation, for the first part of a batch and for later parts.

use lineament::ops::{ACCUMULATE, Accumulate};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{accumulate::accumulate, widen};

/// One vector of four, multiples of a prime, and a workgroup ± one vector. If `kept` is 0, the old sum holds a NaN, which must
/// not remain.
const TESTS: &[Accumulate] = &[
    Accumulate { count: 4, kept: 0.0, weight: 0.25 },
    Accumulate { count: 28, kept: 1.0, weight: 1.0 },
    Accumulate { count: 252, kept: 1.0, weight: 0.375 },
    Accumulate { count: 260, kept: 0.0, weight: 0.5 },
];
const BENCHMARKS: &[Accumulate] = &[Accumulate { count: 1280 * 1536, kept: 1.0, weight: 0.5 }];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case(part: Accumulate, purpose: Purpose) -> Case {
    let name = format!("{} kept {} weight {}", part.count, part.kept, part.weight);
    let mut case = Case::new(ACCUMULATE.name, "default", name, purpose);
    let count = part.count as usize;
    let (g, mut before) = (values(29, 0, count), values(29, 1, count));
    if part.kept == 0.0 {
        before[count / 2] = f32::NAN;
    }
    let gradient = case.input("gradient", &g);
    let given = before.clone();
    let expected = move || accumulate(part, &widen(&g), &widen(&given));
    let sum = case.updated("sum", &before, Bounds::float(1e-13, 1e-6), Box::new(expected));
    case.plan.push(part.step("accumulate", gradient, sum));
    case
}

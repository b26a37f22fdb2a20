//! Sums of two tensors.

use lineament::ops::{ADD, Add};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{add::add, widen};

/// (rows, channels): one vector of four, primes, and a workgroup ± 1.
const TESTS: &[(u32, u32)] = &[(1, 4), (7, 36), (63, 4), (5, 52)];
const BENCHMARKS: &[(u32, u32)] = &[(8 * 56 * 56, 24)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, channels): (u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(ADD.name, "default", format!("{rows}x{channels}"), purpose);
    let elements = rows as usize * channels as usize;
    let (a, b) = (values(20, 0, elements), values(20, 1, elements));
    let views = (case.input("a", &a), case.input("b", &b));
    let expected = move || add(&widen(&a), &widen(&b));
    let y = case.output("y", elements, Bounds::float(1e-13, 1e-6), Box::new(expected));
    case.plan.push(Add { rows, channels }.step("add", views.0, views.1, y));
    case
}

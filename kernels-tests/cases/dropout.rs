//! Cases of inverted dropout with a given mask.

use lineament::ops::{DROPOUT, Dropout};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::{bits24, values};
use lineament::ops::reference::{dropout::dropout, widen};

/// (rows, channels, rate): one row, primes, and a workgroup ± 1.
const TESTS: &[(u32, u32, f32)] = &[(1, 4, 0.3), (7, 36, 0.3), (63, 4, 0.0), (13, 20, 0.9), (5, 52, 0.5), (65, 68, 0.5)];
const BENCHMARKS: &[(u32, u32, f32)] = &[(64, 1536, 0.3)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, channels, rate): (u32, u32, f32), purpose: Purpose) -> Case {
    let mut case = Case::new(DROPOUT.name, "default", format!("{rows}x{channels} rate {rate}"), purpose);
    let elements = rows as usize * channels as usize;
    let x = values(14, 0, elements);
    let kept: Vec<u32> = (0..elements as u64).map(|i| bits24(14, 1, i) % 2).collect();
    let views = (case.input("x", &x), case.input("mask", &kept));
    let expected = move || dropout(f64::from(rate), &widen(&x), &kept);
    let y = case.output("y", elements, Bounds::float(1e-13, 1e-5), Box::new(expected));
    case.plan.push(Dropout { rows, channels, rate }.step("dropout", views.0, views.1, y));
    case
}

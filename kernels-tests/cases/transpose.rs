//! Cases of transposes.

use lineament::ops::{TRANSPOSE, Transpose};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{transpose::transpose, widen};

/// (rows, columns): one block of 4 × 4, odd numbers of blocks, and a single row or column of blocks.
const TESTS: &[(u32, u32)] = &[(4, 4), (12, 20), (4, 260), (252, 4), (28, 36), (68, 132)];
const BENCHMARKS: &[(u32, u32)] = &[(1536, 40), (1280, 1536)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, columns): (u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(TRANSPOSE.name, "default", format!("{rows}x{columns}"), purpose);
    let x = values(15, 0, rows as usize * columns as usize);
    let view = case.input("x", &x);
    let elements = x.len();
    let expected = move || transpose(columns as usize, &widen(&x));
    let y = case.output("y", elements, Bounds::float(1e-30, 0.0), Box::new(expected));
    case.plan.push(Transpose { rows, columns }.step("transpose", view, y));
    case
}

//! Sums of columns.

use lineament::kernels::{COLUMN_SUM, ColumnSum};

use super::by_shape;
use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::values;
use crate::reference::{column_sum::column_sum, widen};

/// (rows, channels): one, primes, tile ± 1, more than one run of rows.
const TESTS: &[(u32, u32)] = &[(1, 4), (7, 12), (15, 16), (17, 20), (1025, 4), (2003, 8), (2, 132)];
const BENCHMARKS: &[(u32, u32)] = &[(64, 1536), (8 * 112 * 112, 32)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, channels): (u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(COLUMN_SUM.name, "default", format!("{rows}x{channels}"), purpose);
    let c = channels as usize;
    let x = values(16, 0, rows as usize * c);
    let view = case.input("x", &x);
    let expected = move || column_sum(c, &widen(&x));
    let y = case.output("y", c, Bounds::float(1e-11, 1e-4), Box::new(expected));
    case.plan.push(ColumnSum { rows, channels }.step("column sum", view, y));
    case
}

//! Cases of sums of columns.

use lineament::ops::{COLUMN_SUM, ColumnSum};
use lineament::plan::RowParts;

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{column_sum::column_sum, widen};

/// (rows, rows per part, channels): one row, primes, 16 rows ± 1, more than one run of rows, and more than one part. The weight
/// gradients of batch normalisation, which are sums of columns too, have the same shapes.
pub const TESTS: &[(u32, u32, u32)] = &[
    (1, 1, 4),
    (7, 7, 12),
    (15, 15, 16),
    (17, 17, 20),
    (1025, 1025, 4),
    (2003, 2003, 8),
    (2, 2, 132),
    (35, 16, 20),
    (2100, 1040, 8),
    (20_011, 2048, 8),
];
/// The head with batch 64, and a layer of the network at 112 × 112 with batch 8.
pub const BENCHMARKS: &[(u32, u32, u32)] = &[(64, 64, 1536), (8 * 112 * 112, 2048, 32)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, rows_a_part, channels): (u32, u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(COLUMN_SUM.name, "default", format!("{rows}x{channels} by {rows_a_part}"), purpose);
    let c = channels as usize;
    let x = values(16, 0, rows as usize * c);
    let view = case.input("x", &x);
    let rows = RowParts { rows, rows_a_part };
    let part = rows_a_part as usize * c;
    let expected = move || widen(&x).chunks(part).flat_map(|part| column_sum(c, part)).collect();
    let y = case.output("y", rows.count() as usize * c, Bounds::float(1e-11, 1e-4), Box::new(expected));
    case.plan.push(ColumnSum { rows, channels }.step("column sum", view, y));
    case
}

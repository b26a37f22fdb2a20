//! Cases of batch statistics. Some have a large mean, so that sums of deviations from zero would cancel, and some have a first
//! row far from the mean, so that sums of deviations from this row would cancel.

use lineament::ops::{BATCH_NORM_STATISTICS, BatchNormStatistics};
use lineament::plan::RowParts;

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Expected, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{batch_norm_statistics::statistics_of_parts, widen};

/// (rows, rows per part, channels, offset of every value, further offset of the first row of each part): one row, primes, 16
/// rows ± 1, more than one run of rows, and several parts.
const TESTS: &[(u32, u32, u32, f32, f32)] = &[
    (1, 1, 4, 0.0, 0.0),
    (7, 7, 12, 0.0, 0.0),
    (15, 15, 16, 100.0, 0.0),
    (17, 17, 20, 0.0, 0.0),
    (64, 64, 68, 0.5, 0.0),
    (64, 64, 12, 0.0, 60.0),
    (1025, 1025, 4, 30.0, 0.0),
    (1025, 1025, 8, 100.0, 0.0),
    (5003, 5003, 8, 0.1, 0.0),
    (35, 16, 20, 10.0, 0.0),
    (2100, 1040, 8, 1.0, 30.0),
    (20_011, 2048, 8, 30.0, 0.0),
];

/// The head with batch 64, and a layer of the network at 112 × 112 with batch 8.
const BENCHMARKS: &[(u32, u32, u32, f32, f32)] = &[(64, 64, 1536, 0.0, 0.0), (8 * 112 * 112, 2048, 32, 0.0, 0.0)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, rows_a_part, channels, offset, outlier): (u32, u32, u32, f32, f32), purpose: Purpose) -> Case {
    let name = format!("{rows}x{channels} + {offset} by {rows_a_part} from + {outlier}");
    let mut case = Case::new(BATCH_NORM_STATISTICS.name, "default", name, purpose);
    let shape = BatchNormStatistics { rows: RowParts { rows, rows_a_part }, channels };
    let c = channels as usize;
    let mut x: Vec<f32> = values(10, 0, rows as usize * c).iter().map(|x| x + offset).collect();
    for part in x.chunks_mut(rows_a_part as usize * c) {
        part[..c].iter_mut().for_each(|x| *x += outlier);
    }
    let view = case.input("x", &x);
    let expected = [0, 1].map(|which| -> Expected {
        let x = widen(&x);
        Box::new(move || statistics_of_parts(shape.rows, c, &x)[which].clone())
    });
    let parts = shape.rows.count() as usize;
    let of_parts = case.output_pair(["mean", "variance"], [parts, c], Bounds::float(1e-11, 1e-4), expected);
    case.plan.push(shape.step("statistics", view, of_parts));
    case
}

//! Statistics of batch norm, with a large mean too, which a single pass would cancel.

use lineament::kernels::{BATCH_NORM_STATISTICS, BatchNormStatistics};

use super::by_shape;
use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::values;
use crate::reference::batch_norm_statistics::{batch_norm_statistics, running};
use crate::reference::widen;

/// (rows, channels, added to every value): one row, primes, tile ± 1, more than one run of rows.
const TESTS: &[(u32, u32, f32)] =
    &[(1, 4, 0.0), (7, 12, 0.0), (15, 16, 100.0), (17, 20, 0.0), (64, 68, 0.5), (1025, 4, 30.0), (5003, 8, 0.1)];

/// The head's batch, and a layer of the network at 112 × 112, batch 8.
const BENCHMARKS: &[(u32, u32, f32)] = &[(64, 1536, 0.0), (8 * 112 * 112, 32, 0.0)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, channels, offset): (u32, u32, f32), purpose: Purpose) -> Case {
    let mut case = Case::new(BATCH_NORM_STATISTICS.name, "default", format!("{rows}x{channels} + {offset}"), purpose);
    let c = channels as usize;
    let x: Vec<f32> = values(10, 0, rows as usize * c).iter().map(|x| x + offset).collect();
    let before = [values(10, 1, c), values(10, 2, c)];
    let correction = if rows > 1 { rows as f32 / (rows - 1) as f32 } else { 1.0 };
    let shape = BatchNormStatistics { rows, channels, momentum: 0.99, correction };
    let view = case.input("x", &x);
    let x = widen(&x);
    let bounds = Bounds::float(1e-11, 4e-5);
    let (for_mean, for_variance) = (x.clone(), x.clone());
    let mean = case.output("mean", c, bounds, Box::new(move || batch_norm_statistics(c, &for_mean).0));
    let variance = case.output("variance", c, bounds, Box::new(move || batch_norm_statistics(c, &for_variance).1));
    let (momentum, correction) = (f64::from(shape.momentum), f64::from(shape.correction));
    let (start, for_mean) = (widen(&before[0]), x.clone());
    let expected = move || running(momentum, 1.0, &start, &batch_norm_statistics(c, &for_mean).0);
    let running_mean = case.updated("running mean", &before[0], bounds, Box::new(expected));
    let start = widen(&before[1]);
    let expected = move || running(momentum, correction, &start, &batch_norm_statistics(c, &x).1);
    let running_variance = case.updated("running variance", &before[1], bounds, Box::new(expected));
    case.plan.push(shape.step("statistics", view, [mean, variance], [running_mean, running_variance]));
    case
}

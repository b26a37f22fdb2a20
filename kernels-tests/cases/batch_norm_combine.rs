//! Cases of combining the statistics of parts and updating the running statistics. Some have large means.

use std::rc::Rc;

use lineament::ops::{BATCH_NORM_COMBINE, BatchNormCombine};
use lineament::plan::RowParts;

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Expected, Purpose, paired};
use lineament::ops::reference::batch_norm_combine::{batch_norm_combine, running};
use lineament::ops::reference::random::{unit, values};
use lineament::ops::reference::widen;

/// (rows, rows per part, channels, offset of every mean): one part, 16 parts ± 1, and last parts with fewer rows.
const TESTS: &[(u32, u32, u32, f32)] =
    &[(1, 1, 4, 0.0), (9, 9, 12, 2.0), (59, 4, 16, 30.0), (64, 4, 20, 0.0), (67, 4, 68, 0.5), (801, 7, 8, 100.0)];

/// The head and a layer of the network at 112 × 112, both with batch 64.
const BENCHMARKS: &[(u32, u32, u32, f32)] = &[(64, 64, 1536, 0.0), (64 * 112 * 112, 2048, 32, 0.0)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, rows_a_part, channels, offset): (u32, u32, u32, f32), purpose: Purpose) -> Case {
    let name = format!("{rows}x{channels} + {offset} by {rows_a_part}");
    let mut case = Case::new(BATCH_NORM_COMBINE.name, "default", name, purpose);
    let correction = if rows > 1 { rows as f32 / (rows - 1) as f32 } else { 1.0 };
    let shape = BatchNormCombine { rows: RowParts { rows, rows_a_part }, channels, momentum: 0.99, correction };
    let c = channels as usize;
    let elements = shape.rows.count() as usize * c;
    let means: Vec<f32> = values(27, 0, elements).iter().map(|mean| mean + offset).collect();
    let variances: Vec<f32> = (0..elements as u64).map(|i| unit(27, 1, i)).collect();
    let of_parts = case.input("of_parts", &paired(c, [&means, &variances]));
    let combined = Rc::new(batch_norm_combine(shape.rows, c, &widen(&means), &widen(&variances)));
    let bounds = Bounds::float(1e-11, 1e-4);
    let of_all = [0, 1].map(|which| -> Expected {
        let combined = combined.clone();
        Box::new(move || combined[which].clone())
    });
    let statistics = case.output_pair(["mean", "variance"], [1, c], bounds, of_all);
    let before = [values(27, 2, c), values(27, 3, c)];
    let updated = [(0, 1.0), (1, f64::from(correction))].map(|(which, correction)| -> Expected {
        let (start, combined, momentum) = (widen(&before[which]), combined.clone(), f64::from(shape.momentum));
        Box::new(move || running(momentum, correction, &start, &combined[which]))
    });
    let labels = ["running mean", "running variance"];
    let running = case.updated_pair(labels, [&before[0], &before[1]], bounds, updated);
    case.plan.push(shape.step("combine", of_parts, statistics, running));
    case
}

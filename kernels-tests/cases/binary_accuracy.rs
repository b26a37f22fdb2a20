//! Cases of counting correct predictions. Some predictions are exactly one half.

use lineament::ops::{BINARY_ACCURACY, BinaryAccuracy, padded_channels};

use super::{by_shape, cosine_proximity::padded};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::bits24;
use lineament::ops::reference::{binary_accuracy::binary_accuracy, widen};

/// (rows, attributes): one of each, primes, and more attributes than one workgroup counts.
const TESTS: &[(u32, u32)] = &[(1, 1), (7, 37), (64, 40), (131, 259)];
const BENCHMARKS: &[(u32, u32)] = &[(64, 37)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, attributes): (u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(BINARY_ACCURACY.name, "default", format!("{rows}x{attributes}"), purpose);
    let (a, channels) = (attributes as usize, padded_channels(attributes) as usize);
    let elements = u64::from(rows) * u64::from(attributes);
    let p: Vec<f32> = (0..elements).map(|i| (bits24(23, 0, i) % 9) as f32 / 8.0).collect();
    let y: Vec<f32> = (0..elements).map(|i| (bits24(23, 1, i) % 2) as f32).collect();
    let before: Vec<u32> = (0..channels as u32).map(|a| 3 * a).collect();
    let (p, y) = (padded(&p, a, 0.5), padded(&y, a, 0.0));
    let views = (case.input("predictions", &p), case.input("labels", &y));
    let given = before.clone();
    let expected = move || binary_accuracy([a, channels], &widen(&p), &widen(&y), &given);
    let correct = case.updated("correct", &before, Bounds::integers(), Box::new(expected));
    case.plan.push(BinaryAccuracy { rows, attributes }.step("accuracy", views.0, views.1, correct));
    case
}

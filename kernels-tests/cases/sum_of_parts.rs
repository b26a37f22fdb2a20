//! Cases of the kernel that adds up the sums of parts.

use lineament::ops::{SUM_OF_PARTS, SumOfParts};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{sum_of_parts::sum_of_parts, widen};

/// (parts, elements): one part, a run of 16 parts ± 1, and a workgroup of 256 elements ± 4.
const TESTS: &[(u32, u32)] = &[(1, 4), (15, 12), (16, 252), (17, 256), (37, 260), (2, 1028)];
/// The weight gradients of the first expansion and of the last convolution with batch 64.
const BENCHMARKS: &[(u32, u32)] = &[(196, 16 * 96), (2, 320 * 1280)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((count, elements): (u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(SUM_OF_PARTS.name, "default", format!("{count}x{elements}"), purpose);
    let parts = values(23, 0, count as usize * elements as usize);
    let view = case.input("parts", &parts);
    let expected = move || sum_of_parts(elements as usize, &widen(&parts));
    let y = case.output("y", elements as usize, Bounds::float(1e-12, 1e-4), Box::new(expected));
    case.plan.push(SumOfParts { count, elements }.step("sum of parts", view, y));
    case
}

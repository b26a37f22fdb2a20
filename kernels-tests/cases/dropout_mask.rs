//! Cases of dropout masks, which must equal the reference exactly.

use lineament::ops::{DROPOUT_MASK, DropoutMask};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::dropout_mask::dropout_mask;

/// One row, primes and a workgroup ± 1; a rate of 0 and one close to 1; and the largest values of seed, epoch and sample.
const TESTS: &[DropoutMask] = &[
    DropoutMask { rows: 1, channels: 4, rate: 0.3, seed: 1, epoch: 0, first_sample: 0 },
    DropoutMask { rows: 7, channels: 36, rate: 0.3, seed: 2, epoch: 3, first_sample: 64 },
    DropoutMask { rows: 63, channels: 4, rate: 0.0, seed: 3, epoch: 0, first_sample: 0 },
    DropoutMask { rows: 13, channels: 20, rate: 0.999, seed: u32::MAX, epoch: u32::MAX, first_sample: u32::MAX - 5 },
    DropoutMask { rows: 65, channels: 68, rate: 0.5, seed: 5, epoch: 1, first_sample: 7 },
];
const BENCHMARKS: &[DropoutMask] = &[DropoutMask { rows: 64, channels: 1536, rate: 0.3, seed: 1, epoch: 0, first_sample: 0 }];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case(shape: DropoutMask, purpose: Purpose) -> Case {
    let DropoutMask { rows, channels, rate, seed, epoch, first_sample } = shape;
    let name = format!("{rows}x{channels} rate {rate} seed {seed} epoch {epoch} sample {first_sample}");
    let mut case = Case::new(DROPOUT_MASK.name, "default", name, purpose);
    let elements = (rows * channels) as usize;
    let mask = case.output("mask", elements, Bounds::integers(), Box::new(move || dropout_mask(shape)));
    case.plan.push(shape.step("mask", mask));
    case
}

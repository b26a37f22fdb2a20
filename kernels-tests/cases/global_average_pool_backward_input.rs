//! Cases of the input gradient of global average pooling.

use lineament::ops::{GLOBAL_AVERAGE_POOL_BACKWARD_INPUT, GlobalAveragePool, GlobalAveragePoolBackwardInput};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{global_average_pool_backward_input::global_average_pool_backward_input, widen};

/// (batch, positions, channels): one of each, primes, and a workgroup of 64 threads ± 1.
const TESTS: &[(u32, u32, u32)] = &[(1, 1, 4), (2, 7, 12), (3, 21, 4), (1, 13, 20), (1, 5, 52)];
const BENCHMARKS: &[(u32, u32, u32)] = &[(64, 49, 1280)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((batch, positions, channels): (u32, u32, u32), purpose: Purpose) -> Case {
    let mut case =
        Case::new(GLOBAL_AVERAGE_POOL_BACKWARD_INPUT.name, "default", format!("{batch}x{positions}x{channels}"), purpose);
    let layer = GlobalAveragePool { batch, positions, channels };
    let gy = values(26, 0, (batch * channels) as usize);
    let view = case.input("gy", &gy);
    let expected = move || global_average_pool_backward_input(layer, &widen(&gy));
    let dx = case.output("dx", (batch * positions * channels) as usize, Bounds::float(1e-13, 1e-6), Box::new(expected));
    case.plan.push(GlobalAveragePoolBackwardInput { layer }.step("dx", view, dx));
    case
}

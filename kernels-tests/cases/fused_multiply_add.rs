//! Cases of the kernel that measures multiply-adds per second.

use lineament::ops::{FUSED_MULTIPLY_ADD, FusedMultiplyAdd};
use lineament::plan::Variant;

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::fused_multiply_add::fused_multiply_add;
use lineament::ops::reference::random::values;

/// (vectors, rounds): one vector, a prime, and 64 threads ± 1. There are few rounds, so that one round too many or too few
/// changes the result clearly.
const TESTS: &[(u32, u32)] = &[(1, 1), (63, 0), (65, 2), (257, 3)];

pub fn cases(context: Context) -> Vec<Case> {
    let shapes = if context.purpose == Purpose::Test { TESTS } else { &[(16_384, 256)] };
    let shape = |&(vectors, rounds): &(u32, u32)| FusedMultiplyAdd { vectors, rounds, factor: 0.95 };
    let of_variant = |variant| shapes.iter().map(shape).map(move |shape| case(shape, variant, context.purpose));
    FUSED_MULTIPLY_ADD.variants.iter().flat_map(of_variant).collect()
}

/// Returns a case of `shape`.
pub fn case(shape: FusedMultiplyAdd, variant: &'static Variant, purpose: Purpose) -> Case {
    let name = format!("{} vectors, {} rounds", shape.vectors, shape.rounds);
    let mut case = Case::new(FUSED_MULTIPLY_ADD.name, variant.name, name, purpose);
    let x = values(6, 0, 4 * shape.vectors as usize);
    let view = case.input("x", &x);
    let elements = x.len();
    let expected = move || fused_multiply_add(shape, variant, &x);
    let y = case.output("y", elements, Bounds::float(1e-12, 1e-3), Box::new(expected));
    case.plan.push(shape.step(FUSED_MULTIPLY_ADD.name, variant, view, y));
    case
}

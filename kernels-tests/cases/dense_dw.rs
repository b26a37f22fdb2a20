//! Gradient of a dense layer by its weights, both families.

use lineament::kernels::{DenseDw, Kernel, Variant, dense_dw_variants};

use super::by_shape;
use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::values;
use crate::reference::{dense_dw::dense_dw, widen};

/// (rows, inputs, outputs): one, primes, tile ± 1.
const TESTS: &[(u32, u32, u32)] =
    &[(1, 4, 4), (7, 12, 20), (31, 36, 28), (64, 68, 132), (63, 60, 124), (129, 4, 36), (1, 1028, 4)];
/// The two layers of the head, batch 64.
const BENCHMARKS: &[(u32, u32, u32)] = &[(64, 1280, 1536), (64, 1536, 40)];

pub fn cases(context: Context) -> Vec<Case> {
    let families = dense_dw_variants().filter(|(_, variant)| !variant.subgroup || context.lanes.is_some());
    let of_family = |family| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, family, purpose, context));
    families.flat_map(of_family).collect()
}

fn case(
    (rows, inputs, outputs): (u32, u32, u32),
    family: (&'static Kernel, &'static Variant),
    purpose: Purpose,
    context: Context,
) -> Case {
    let mut case = Case::new(family.0.name, family.1.name, format!("{rows}x{inputs} · {rows}x{outputs}"), purpose);
    let [m, k, n] = [rows, inputs, outputs].map(|size| size as usize);
    let (x, gy) = (values(17, 0, m * k), values(17, 1, m * n));
    let views = (case.input("x", &x), case.input("gy", &gy));
    let expected = move || dense_dw([m, k, n], &widen(&x), &widen(&gy));
    let dw = case.output("dw", k * n, Bounds::float(1e-12, 4e-5), Box::new(expected));
    case.plan.push(DenseDw { rows, inputs, outputs }.step("dw", family, context.lanes, views.0, views.1, dw));
    case
}

//! Sums with a tensor that is enlarged to twice its size.

use lineament::ops::{UPSAMPLE_ADD, UpsampleAdd};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{upsample_add::upsample_add, widen};

/// (batch, height and width, channels): one pixel enlarged, primes doubled, a workgroup ± 1, several images.
const TESTS: &[(u32, [u32; 2], u32)] =
    &[(1, [2, 2], 4), (1, [2, 30], 4), (1, [2, 32], 4), (1, [2, 34], 4), (2, [10, 14], 12), (3, [6, 26], 20)];

/// The larger sum of the face detector at 1024 × 768.
const BENCHMARKS: &[(u32, [u32; 2], u32)] = &[(1, [96, 128], 64)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((batch, size, channels): (u32, [u32; 2], u32), purpose: Purpose) -> Case {
    let [height, width] = size;
    let name = format!("{batch}x{height}x{width}x{channels}");
    let mut case = Case::new(UPSAMPLE_ADD.name, "default", name, purpose);
    let shape = UpsampleAdd { batch, size, channels };
    let elements = (batch * height * width * channels) as usize;
    let (a, x) = (values(23, 0, elements), values(23, 1, elements / 4));
    let views = (case.input("a", &a), case.input("x", &x));
    let expected = move || upsample_add(shape, &widen(&a), &widen(&x));
    let y = case.output("y", elements, Bounds::float(1e-13, 1e-6), Box::new(expected));
    case.plan.push(shape.step("upsample and add", views.0, views.1, y));
    case
}

//! Max pooling over windows of 2×2 pixels.

use lineament::ops::{MAX_POOL, MaxPool};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{max_pool::max_pool, widen};

/// (batch, height and width, channels): one window, odd sizes, primes, a workgroup ± 1, several images.
const TESTS: &[(u32, [u32; 2], u32)] = &[
    (1, [2, 2], 4),
    (1, [3, 3], 4),
    (2, [5, 7], 12),
    (1, [2, 126], 4),
    (1, [2, 128], 4),
    (1, [2, 130], 4),
    (3, [14, 10], 16),
    (5, [7, 13], 20),
];

/// The first pool of the face detector at 1024 × 768.
const BENCHMARKS: &[(u32, [u32; 2], u32)] = &[(1, [384, 512], 16)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((batch, size, channels): (u32, [u32; 2], u32), purpose: Purpose) -> Case {
    let [height, width] = size;
    let name = format!("{batch}x{height}x{width}x{channels}");
    let mut case = Case::new(MAX_POOL.name, "default", name, purpose);
    let shape = MaxPool { batch, size, channels };
    let x = values(22, 0, (batch * height * width * channels) as usize);
    let view = case.input("x", &x);
    let [out_height, out_width] = shape.out_size();
    let elements = (batch * out_height * out_width * channels) as usize;
    let expected = move || max_pool(shape, &widen(&x));
    let y = case.output("y", elements, Bounds::float(1e-13, 1e-6), Box::new(expected));
    case.plan.push(shape.step("max pool", view, y));
    case
}

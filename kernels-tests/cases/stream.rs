//! Cases of the kernel that measures memory bandwidth.

use lineament::ops::{STREAM, Stream};
use lineament::plan::Variant;

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::stream::stream;

/// Numbers of vectors: one, a prime, and the 64 or 256 vectors of a workgroup ± 1.
const TESTS: &[u32] = &[1, 63, 65, 255, 257, 1009];

/// Number of vectors in the benchmark, which reads 64 MiB and writes 64 MiB. That is more than most caches hold.
pub const LARGE: u32 = 64 << 16;

pub fn cases(context: Context) -> Vec<Case> {
    let shapes = if context.purpose == Purpose::Test { TESTS } else { &[LARGE] };
    let of_variant = |variant| shapes.iter().map(move |vectors| case(Stream { vectors: *vectors }, variant, context.purpose));
    STREAM.variants.iter().flat_map(of_variant).collect()
}

/// Returns a case of `shape`.
pub fn case(shape: Stream, variant: &'static Variant, purpose: Purpose) -> Case {
    let mut case = Case::new(STREAM.name, variant.name, format!("{} vectors", shape.vectors), purpose);
    let x = values(7, 0, 4 * shape.vectors as usize);
    let view = case.input("x", &x);
    let elements = x.len();
    let y = case.output("y", elements, Bounds::float(1e-14, 2e-7), Box::new(move || stream(&x)));
    case.plan.push(shape.step(STREAM.name, variant, view, y));
    case
}

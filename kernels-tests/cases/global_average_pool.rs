//! Cases of global average pooling.

use lineament::ops::{GLOBAL_AVERAGE_POOL, GlobalAveragePool};
use lineament::plan::Variant;

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::global_average_pool::global_average_pool;
use lineament::ops::reference::random::values;

/// (batch, positions, channels): one of each, primes, and 64 quads of channels ± 1.
const TESTS: &[(u32, u32, u32)] = &[(1, 1, 4), (3, 49, 8), (2, 7, 252), (1, 11, 260), (5, 25, 1280), (2, 3136, 20)];

/// (batch, positions, channels): the model's layer at 224 × 224 and at 128 × 128.
const BENCHMARKS: &[(u32, u32, u32)] = &[(8, 49, 1280), (64, 16, 1280)];

pub fn cases(context: Context) -> Vec<Case> {
    let shapes = if context.purpose == Purpose::Test { TESTS } else { BENCHMARKS };
    let of = |variant: &'static Variant| {
        let shapes = shapes.iter().map(|&(batch, positions, channels)| GlobalAveragePool { batch, positions, channels });
        shapes.map(move |shape| case(shape, variant, context.purpose))
    };
    GLOBAL_AVERAGE_POOL.variants.iter().filter(|variant| context.runs(variant)).flat_map(of).collect()
}

fn case(shape: GlobalAveragePool, variant: &'static Variant, purpose: Purpose) -> Case {
    let GlobalAveragePool { batch, positions, channels } = shape;
    let name = format!("{batch}x{positions}x{channels}");
    let mut case = Case::new(GLOBAL_AVERAGE_POOL.name, variant.name, name, purpose);
    // The values are shifted away from zero. The mean of symmetric values would be close to zero, and so would its errors.
    let x: Vec<f32> = values(4, 0, (batch * positions * channels) as usize).iter().map(|value| value + 0.5).collect();
    let precision = variant.precision();
    let x = precision.rounded(&x);
    let view = case.stored("x", precision, &x);
    let expected = move || global_average_pool(shape, &x);
    let y = case.output("y", (batch * channels) as usize, Bounds::float(1e-11, 1e-5), Box::new(expected));
    case.plan.push(shape.step(GLOBAL_AVERAGE_POOL.name, precision, view, y));
    case
}

//! Gradient of batch norm by its input, in training and in inference.

use lineament::kernels::{BATCH_NORM_DX, BatchNormDx};

use super::by_shape;
use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::{unit, values};
use crate::reference::batch_norm_dx::batch_norm_dx;
use crate::reference::widen;

/// (rows, channels): one, primes, tile ± 1.
const TESTS: &[(u32, u32)] = &[(1, 4), (7, 12), (63, 4), (13, 20), (65, 68)];
/// The head's batch, and a layer of the network at 112 × 112, batch 8.
const BENCHMARKS: &[(u32, u32)] = &[(64, 1536), (8 * 112 * 112, 32)];

pub fn cases(context: Context) -> Vec<Case> {
    let mode = |training| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, training, purpose));
    [true, false].into_iter().flat_map(mode).collect()
}

fn case((rows, channels): (u32, u32), training: bool, purpose: Purpose) -> Case {
    let mode = if training { "training" } else { "inference" };
    let mut case = Case::new(BATCH_NORM_DX.name, "default", format!("{rows}x{channels} {mode}"), purpose);
    let (c, elements) = (channels as usize, rows as usize * channels as usize);
    let variance: Vec<f32> = (0..c as u64).map(|i| unit(13, 3, i)).collect();
    let mut given = vec![values(13, 0, elements), values(13, 1, elements), values(13, 2, c), variance];
    given.extend((4..7).map(|tensor| values(13, tensor, c)));
    let [gy, x, mean, variance, gamma, dgamma, dbeta] =
        [("gy", 0), ("x", 1), ("mean", 2), ("variance", 3), ("gamma", 4), ("dgamma", 5), ("dbeta", 6)]
            .map(|(label, i)| case.input(label, &given[i]));
    let shape = BatchNormDx { rows, channels, epsilon: 1e-3, training };
    let expected = move || {
        let [gy, x, mean, variance, gamma, dgamma, dbeta] = [0, 1, 2, 3, 4, 5, 6].map(|i| widen(&given[i]));
        let epsilon = f64::from(shape.epsilon);
        batch_norm_dx(training, epsilon, &gy, &x, [&mean, &variance], [&gamma, &dgamma, &dbeta])
    };
    let dx = case.output("dx", elements, Bounds::float(1e-12, 1e-5), Box::new(expected));
    case.plan.push(shape.step("dx", gy, x, [mean, variance], [gamma, dgamma, dbeta], dx));
    case
}

//! Gradients of batch norm by gamma and beta.

use lineament::kernels::{BATCH_NORM_DW, BatchNormDw, RowParts};

use super::by_shape;
use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::{unit, values};
use crate::reference::batch_norm_dw::batch_norm_dw;
use crate::reference::widen;

/// (rows, rows a part, channels): one, primes, tile ± 1, more than one run of rows, more than one part.
const TESTS: &[(u32, u32, u32)] = &[
    (1, 1, 4),
    (7, 7, 12),
    (15, 15, 16),
    (17, 17, 20),
    (1025, 1025, 4),
    (2003, 2003, 8),
    (2, 2, 132),
    (35, 16, 20),
    (2100, 1040, 8),
    (20_011, 2048, 8),
];
/// The head's batch, and a layer of the network at 112 × 112, batch 8.
const BENCHMARKS: &[(u32, u32, u32)] = &[(64, 64, 1536), (8 * 112 * 112, 2048, 32)];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, rows_a_part, channels): (u32, u32, u32), purpose: Purpose) -> Case {
    let mut case = Case::new(BATCH_NORM_DW.name, "default", format!("{rows}x{channels} by {rows_a_part}"), purpose);
    let (c, elements) = (channels as usize, rows as usize * channels as usize);
    let variance: Vec<f32> = (0..c as u64).map(|i| unit(12, 3, i)).collect();
    let given = [values(12, 0, elements), values(12, 1, elements), values(12, 2, c), variance];
    let [gy, x, mean, variance] =
        [("gy", 0), ("x", 1), ("mean", 2), ("variance", 3)].map(|(label, i)| case.input(label, &given[i]));
    let shape = BatchNormDw { rows: RowParts { rows, rows_a_part }, channels, epsilon: 1e-3 };
    let part = rows_a_part as usize * c;
    let given = std::rc::Rc::new(given);
    let gradients = [("dgamma", 0), ("dbeta", 1)].map(|(label, which)| {
        let given = given.clone();
        let expected = move || {
            let [gy, x, mean, variance] = [0, 1, 2, 3].map(|i| widen(&given[i]));
            let parts = gy.chunks(part).zip(x.chunks(part));
            let gradients = parts.map(|(gy, x)| batch_norm_dw(f64::from(shape.epsilon), gy, x, [&mean, &variance]));
            gradients.flat_map(|gradients| gradients[which].clone()).collect()
        };
        case.output(label, shape.rows.count() as usize * c, Bounds::float(1e-11, 1e-4), Box::new(expected))
    });
    case.plan.push(shape.step("dw", gy, x, [mean, variance], gradients));
    case
}

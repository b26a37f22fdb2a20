//! Cases of mean squared error, mean absolute error and both cross-entropies, with and without weights.
//!
//! The padding holds values that must not affect the results. Predictions are correct, wrong, equal to the label, saturated, and
//! on both sides of the ends of the clipping range.

use lineament::ops::{ELEMENTWISE_LOSS, ElementwiseFormula, ElementwiseLoss, padded_channels};

use super::by_shape;
use super::cosine_proximity::padded;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::elementwise_loss::{elementwise_loss, elementwise_loss_gradient};
use lineament::ops::reference::random::{bits24, unit};

/// (batch, attributes, whether all predictions are correct and nearly certain).
type Shape = (u32, u32, bool);

/// One of each, primes, and more attributes than one pass of a workgroup reads.
const TESTS: &[Shape] =
    &[(1, 1, false), (7, 37, false), (5, 40, false), (3, 259, false), (64, 37, false), (67, 4, false), (7, 37, true)];
const BENCHMARKS: &[Shape] = &[(64, 37, false)];

/// Special predictions: 0 and 1, values just inside and just outside the clipping range of Keras, and values near 0 and 1.
const EDGES: [f32; 8] = [0.0, 1.0, 1.2e-7, 0.8e-7, 0.999_999_9, 0.999_999_94, 1e-3, 0.999];

pub fn cases(context: Context) -> Vec<Case> {
    let of =
        |formula, weighted| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, formula, weighted, purpose));
    ElementwiseFormula::ALL.into_iter().flat_map(|formula| [of(formula, false), of(formula, true)]).flatten().collect()
}

fn case((batch, attributes, certain): Shape, formula: ElementwiseFormula, weighted: bool, purpose: Purpose) -> Case {
    let words = [if certain { " certain" } else { "" }, if weighted { " weighted" } else { "" }].concat();
    let name = format!("{formula:?} {batch}x{attributes}{words}");
    let mut case = Case::new(ELEMENTWISE_LOSS.name, "default", name, purpose);
    let (a, channels) = (attributes as usize, padded_channels(attributes) as usize);
    let elements = batch as usize * a;
    // Only every other sample holds special predictions, because their large losses would hide errors of the other predictions
    // of the same sample.
    let edge = |i: usize| (i / a % 2 == 1).then(|| EDGES.get(i % 11).copied()).flatten();
    let anywhere = |i: usize| unit(25, 0, i as u64);
    let sure = |i: usize| if i.is_multiple_of(3) { 1.0 - 1e-3 * anywhere(i) } else { 1e-3 * anywhere(i) };
    let p: Vec<f32> = (0..elements).map(|i| if certain { sure(i) } else { edge(i).unwrap_or_else(|| anywhere(i)) }).collect();
    let label = |i: usize| match bits24(25, 1, i as u64) % 8 {
        _ if certain => p[i].round(),
        // A smoothed label, then a label that equals the prediction.
        0 => 0.05,
        1 => p[i],
        bits => (bits % 2) as f32,
    };
    let y: Vec<f32> = (0..elements).map(label).collect();
    // Weights that balance classes are about 0.5 for frequent values, larger for rare ones, and 0 for values that never occur.
    let weight = |i: usize| [0.507, 0.0, 1.0, 8.0, 0.625][bits24(25, 2, i as u64) as usize % 5];
    let w: Vec<f32> = (0..elements).map(|i| if weighted { weight(i) } else { 1.0 }).collect();
    let operands = [case.input("predictions", &padded(&p, a, 0.5)), case.input("labels", &padded(&y, a, 1.0))];
    let weights = weighted.then(|| case.input("weights", &padded(&w, a, 3.0)));
    let [p, y, w] = [p, y, w].map(|values| std::rc::Rc::new(lineament::ops::reference::widen(&values)));
    let (predictions, labels, weights_of_loss) = (p.clone(), y.clone(), w.clone());
    let expected = move || elementwise_loss(formula, a, &predictions, &labels, &weights_of_loss);
    let loss = case.output("loss", batch as usize, Bounds::float(1e-11, 2e-5), Box::new(expected));
    let expected = move || {
        let gradient = elementwise_loss_gradient(formula, &p, &y, &w);
        gradient.chunks(a).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, channels - a))).collect()
    };
    // The gradient of a certain but wrong prediction reaches ten million divided by the number of elements, so the bound of the
    // absolute error of the cross-entropies is large.
    let bounds = match formula {
        ElementwiseFormula::MeanSquaredError | ElementwiseFormula::MeanAbsoluteError => Bounds::float(1e-12, 1e-6),
        _ => Bounds::float(1e-11, 2e-2),
    };
    let gradient = case.output("gradient", batch as usize * channels, bounds, Box::new(expected));
    let loss_of = ElementwiseLoss { batch, attributes, formula };
    case.plan.push(loss_of.step("loss", operands, weights, loss, gradient));
    case
}

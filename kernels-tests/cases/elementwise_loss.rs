//! Mean squared and absolute error and both cross-entropies, weighted and not: the padding holds what must not matter, and predictions are
//! right, wrong, equal to the label, saturated, at the edges of what is clipped and beyond them.

use lineament::ops::{ELEMENTWISE_LOSS, ElementwiseFormula, ElementwiseLoss, padded_channels};

use super::by_shape;
use super::cosine_proximity::padded;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::elementwise_loss::{elementwise_loss, elementwise_loss_gradient};
use lineament::ops::reference::random::{bits24, unit};

/// (batch, attributes, whether all predictions are right and nearly certain): one, primes, more than a workgroup's quads.
type Shape = (u32, u32, bool);

const TESTS: &[Shape] =
    &[(1, 1, false), (7, 37, false), (5, 40, false), (3, 259, false), (64, 37, false), (67, 4, false), (7, 37, true)];
const BENCHMARKS: &[Shape] = &[(64, 37, false)];

/// Beside numbers anywhere: certain either way, just within and beyond what Keras clips, and nearly certain.
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
    // Every other sample holds edges, so that the rest is not judged by their large gradients alone.
    let edge = |i: usize| (i / a % 2 == 1).then(|| EDGES.get(i % 11).copied()).flatten();
    let anywhere = |i: usize| unit(25, 0, i as u64);
    let sure = |i: usize| if i.is_multiple_of(3) { 1.0 - 1e-3 * anywhere(i) } else { 1e-3 * anywhere(i) };
    let p: Vec<f32> = (0..elements).map(|i| if certain { sure(i) } else { edge(i).unwrap_or_else(|| anywhere(i)) }).collect();
    let label = |i: usize| match bits24(25, 1, i as u64) % 8 {
        _ if certain => p[i].round(),
        // A smoothed label, and one equal to the prediction.
        0 => 0.05,
        1 => p[i],
        bits => (bits % 2) as f32,
    };
    let y: Vec<f32> = (0..elements).map(label).collect();
    // As balanced classes weigh: half or less what is frequent, much more what is rare, and nothing what does not occur.
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
    // A certain prediction that is wrong has a gradient of up to ten million over the number of elements, and so is what an
    // error is measured against.
    let bounds = match formula {
        ElementwiseFormula::MeanSquaredError | ElementwiseFormula::MeanAbsoluteError => Bounds::float(1e-12, 1e-6),
        _ => Bounds::float(1e-11, 2e-2),
    };
    let gradient = case.output("gradient", batch as usize * channels, bounds, Box::new(expected));
    let loss_of = ElementwiseLoss { batch, attributes, formula };
    case.plan.push(loss_of.step("loss", operands, weights, loss, gradient));
    case
}

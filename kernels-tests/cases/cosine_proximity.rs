//! Cases of cosine proximity and its gradient. The padding of predictions holds 0.5, the sigmoid of 0, and the predictions of
//! some samples are zero or have a sum of squares below the floor.

use lineament::ops::{COSINE_PROXIMITY, CosineForm, CosineProximity, padded_channels};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::cosine_proximity::{cosine_proximity, cosine_proximity_gradient};
use lineament::ops::reference::random::{bits24, unit};

/// (batch, attributes): one of each, primes, and more attributes than one pass of a workgroup reads.
const TESTS: &[(u32, u32)] = &[(1, 1), (7, 37), (5, 40), (3, 259), (64, 37), (67, 4)];
const BENCHMARKS: &[(u32, u32)] = &[(64, 37)];

pub fn cases(context: Context) -> Vec<Case> {
    let forms = [CosineForm::Proximity, CosineForm::Angle];
    forms.into_iter().flat_map(|form| by_shape(context, TESTS, BENCHMARKS, |shape, purpose| case(shape, form, purpose))).collect()
}

fn case((batch, attributes): (u32, u32), form: CosineForm, purpose: Purpose) -> Case {
    let mut case = Case::new(COSINE_PROXIMITY.name, "default", format!("{batch}x{attributes}, {form:?}"), purpose);
    let (a, channels) = (attributes as usize, padded_channels(attributes) as usize);
    let elements = batch as usize * a;
    // Of every seven samples, the labels of the third and the predictions of the fourth are all zero, the predictions of the
    // fifth are below the floor, and those of the seventh form an obtuse angle with the labels.
    let prediction = |i: usize| unit(21, 0, i as u64) * [1.0, 1.0, 1.0, 0.0, 1e-8, 1e-3, -1.0][i / a % 7];
    let p: Vec<f32> = (0..elements).map(prediction).collect();
    let label = |i: usize| f32::from(u8::from(bits24(21, 1, i as u64).is_multiple_of(3) && i / a % 7 != 2));
    let y: Vec<f32> = (0..elements).map(label).collect();
    let views = (case.input("predictions", &padded(&p, a, 0.5)), case.input("labels", &padded(&y, a, 1.0)));
    let [p, y] = [p, y].map(|values| std::rc::Rc::new(lineament::ops::reference::widen(&values)));
    let (for_loss, labels) = (p.clone(), y.clone());
    let expected = move || cosine_proximity(form, a, &for_loss, &labels);
    let loss = case.output("loss", batch as usize, Bounds::float(1e-12, 1e-6), Box::new(expected));
    let expected = move || {
        let gradient = cosine_proximity_gradient(form, a, &p, &y);
        gradient.chunks(a).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, channels - a))).collect()
    };
    // Below the floor gradients reach a million, so the bound of the absolute error is large.
    let bounds = Bounds::float(1e-11, 2e-2);
    let gradient = case.output("gradient", batch as usize * channels, bounds, Box::new(expected));
    case.plan.push(CosineProximity { batch, attributes, form }.step("loss", views.0, views.1, loss, gradient));
    case
}

/// Pads rows of `width` values to a multiple of four with `filling`, which must not affect the results.
pub fn padded(rows: &[f32], width: usize, filling: f32) -> Vec<f32> {
    let channels = padded_channels(width as u32) as usize;
    rows.chunks(width).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(filling, channels - width))).collect()
}

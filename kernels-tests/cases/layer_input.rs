//! Inputs of layers that the kernels normalise while they load them.

use lineament::ops::{Activation, LayerInput, Normalised};
use lineament::plan::View;

use crate::harness::case::Case;
use lineament::ops::reference::random::values;
use lineament::ops::reference::{batch_norm::batch_norm, pointwise::activate, widen};

const EPSILON: f32 = 1e-3;

/// Returns the input of a layer for the kernel, and its values for the reference. If `is_raw`, the kernel gets `x` with a batch
/// norm and ReLU6, which clips at both ends, and the reference gets the results. Otherwise both get `x`.
pub fn normalised(case: &mut Case, (view, x): (View, &[f32]), channels: u32, is_raw: bool) -> (LayerInput, Vec<f64>) {
    if !is_raw {
        return (view.into(), widen(x));
    }
    let count = channels as usize;
    let mean = values(29, 0, count);
    let variance: Vec<f32> = values(29, 1, count).iter().map(|value| 0.1 + value.abs()).collect();
    let gamma: Vec<f32> = values(29, 2, count).iter().map(|value| 4.0 * value).collect();
    let beta: Vec<f32> = values(29, 3, count).iter().map(|value| 3.0 + 2.0 * value).collect();
    let statistics = case.input("statistics", &[&mean[..], &variance].concat());
    let affine = case.input("affine", &[&gamma[..], &beta].concat());
    let [mean, variance, gamma, beta] = [mean, variance, gamma, beta].map(|numbers| widen(&numbers));
    let rows = batch_norm(EPSILON.into(), &widen(x), [&mean, &variance], [&gamma, &beta]);
    let input =
        LayerInput { view, normalised: Some(Normalised { statistics, affine, epsilon: EPSILON, activation: Activation::Relu6 }) };
    (input, rows.into_iter().map(|value| activate(Activation::Relu6, value)).collect())
}

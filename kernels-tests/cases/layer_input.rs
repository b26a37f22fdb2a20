//! Inputs of layers that are normalised while they are loaded, for the cases of gradients by weights.

use lineament::ops::{Activation, LayerInput, Normalised};
use lineament::plan::View;

use crate::harness::case::Case;
use lineament::ops::reference::random::values;
use lineament::ops::reference::{batch_norm::batch_norm, pointwise::activate, widen};

const EPSILON: f32 = 1e-3;

/// The input of a layer as the kernel takes it and as the reference does: `x` as it is or, where `is_raw`, what batch norm and ReLU6
/// make of it, of which both knees are met.
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

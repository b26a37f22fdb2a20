//! Cases of batch normalisation with given statistics: alone, with an activation, and with a residual.

use lineament::ops::{Activation, BATCH_NORM, BatchNorm};
use lineament::plan::View;

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::batch_norm_backward_weight::before_activation;
use lineament::ops::reference::random::{unit, values};
use lineament::ops::reference::{batch_norm::batch_norm, pointwise::activate, widen};

/// (rows, channels, activation, whether there is a residual): one row, primes, and a workgroup of rows ± 1.
const TESTS: &[(u32, u32, Activation, bool)] = &[
    (1, 4, Activation::None, false),
    (7, 12, Activation::Relu6, false),
    (63, 4, Activation::None, true),
    (13, 20, Activation::Relu, true),
    (65, 68, Activation::Relu6, true),
];
/// The head with batch 64; and with batch 8, a layer of the network at 112 × 112 and a projection with a residual at 56 × 56.
const BENCHMARKS: &[(u32, u32, Activation, bool)] = &[
    (64, 1536, Activation::None, false),
    (8 * 112 * 112, 32, Activation::Relu6, false),
    (8 * 56 * 56, 24, Activation::None, true),
];

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, TESTS, BENCHMARKS, case)
}

fn case((rows, channels, activation, shortcut): (u32, u32, Activation, bool), purpose: Purpose) -> Case {
    let name = format!("{rows}x{channels} {activation:?}{}", if shortcut { " + residual" } else { "" });
    let mut case = Case::new(BATCH_NORM.name, "default", name, purpose);
    let (c, elements) = (channels as usize, rows as usize * channels as usize);
    let x = values(11, 0, elements);
    let variance: Vec<f32> = (0..c as u64).map(|i| unit(11, 2, i)).collect();
    // Gamma is large enough for ReLU6 to clip at both ends.
    let gamma: Vec<f32> = values(11, 3, c).iter().map(|gamma| 6.0 * gamma).collect();
    let given = [values(11, 1, c), variance, gamma, values(11, 4, c)];
    let residual = if shortcut { values(11, 5, elements) } else { vec![0.0; elements] };
    let view = case.input("x", &x);
    let [statistics, affine] = [("statistics", 0), ("affine", 2)].map(|(label, i)| case.input(label, &given[i..i + 2].concat()));
    let added = shortcut.then(|| case.input("residual", &residual));
    let shape = BatchNorm { rows, channels, epsilon: 1e-3, activation };
    let expected = move || {
        let [mean, variance, gamma, beta] = [0, 1, 2, 3].map(|i| widen(&given[i]));
        let normalised = batch_norm(f64::from(shape.epsilon), &widen(&x), [&mean, &variance], [&gamma, &beta]);
        normalised.into_iter().zip(&residual).map(|(value, added)| activate(activation, value) + f64::from(*added)).collect()
    };
    let y = case.output("y", elements, Bounds::float(1e-12, 1e-5), Box::new(expected));
    case.plan.push(shape.step("normalise", view, statistics, affine, added, y));
    case
}

/// Random inputs of the backward kernels of batch normalisation.
pub struct Backward {
    /// Gradient with respect to the output of the activation, \[rows, channels\].
    pub gy: Vec<f32>,
    /// Input of the forward pass, \[rows, channels\].
    pub x: Vec<f32>,
    /// Mean and variance, each \[channels\].
    pub statistics: [Vec<f32>; 2],
    /// Gamma and beta, each \[channels\].
    pub affine: [Vec<f32>; 2],
    /// Added to the variance.
    pub epsilon: f32,
}

impl Backward {
    /// Draws the inputs from `seed`. Mean and variance are not those of x.
    ///
    /// With ReLU6 the tensors are multiples of one eighth, and the roots of variance + epsilon are powers of two. The input of
    /// ReLU6 is then exact in f32, and some values are exactly 0 or 6.
    pub fn draw(seed: u64, [rows, channels]: [u32; 2], activation: Activation) -> Backward {
        let (c, elements) = (channels as usize, rows as usize * channels as usize);
        let coarse = activation == Activation::Relu6;
        let draw = |tensor, count, range: f32| -> Vec<f32> {
            let values = values(seed, tensor, count);
            if coarse { values.iter().map(|value| (8.0 * range * value).round() / 8.0).collect() } else { values }
        };
        let variance = |i: u64| if coarse { [0.75, 3.75][i as usize % 2] } else { unit(seed, 3, i) };
        let gamma = values(seed, 4, c).into_iter().map(|gamma| if coarse { 2.0f32.copysign(gamma) } else { gamma });
        Backward {
            gy: values(seed, 0, elements),
            x: draw(1, elements, 3.0),
            statistics: [draw(2, c, 1.0), (0..c as u64).map(variance).collect()],
            affine: [gamma.collect(), draw(5, c, 4.0)],
            epsilon: if coarse { 0.25 } else { 1e-3 },
        }
    }

    /// Adds gy, x, statistics and affine to a case as inputs, and returns their views in this order.
    pub fn inputs(&self, case: &mut Case) -> [View; 4] {
        let pairs = [("statistics", &self.statistics), ("affine", &self.affine)];
        let [statistics, affine] = pairs.map(|(label, pair)| case.input(label, &pair.concat()));
        [case.input("gy", &self.gy), case.input("x", &self.x), statistics, affine]
    }

    /// Returns the gradient before the activation in f64, \[rows, channels\].
    pub fn before_activation(&self, activation: Activation) -> Vec<f64> {
        let [mean, variance, gamma, beta] =
            [&self.statistics[0], &self.statistics[1], &self.affine[0], &self.affine[1]].map(|values| widen(values));
        let tensors = [&widen(&self.gy)[..], &widen(&self.x)];
        before_activation(activation, f64::from(self.epsilon), tensors, [&mean, &variance], [&gamma, &beta])
    }
}

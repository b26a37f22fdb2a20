//! Elementwise losses: loss\[s\] = Σ_a w f(p, y) / attributes, where f is the squared error, the absolute error, or the binary
//! cross-entropy of TensorFlow 2 or of Keras 2.2.4

use crate::ops::ElementwiseFormula;

/// Returns the loss of each sample, \[batch\]. Predictions, labels and weights are \[batch, attributes\].
pub fn elementwise_loss(
    formula: ElementwiseFormula,
    attributes: usize,
    predictions: &[f64],
    labels: &[f64],
    weights: &[f64],
) -> Vec<f64> {
    let f = |p: f64, y: f64| match formula {
        ElementwiseFormula::MeanSquaredError => (p - y).powi(2),
        ElementwiseFormula::MeanAbsoluteError => (p - y).abs(),
        ElementwiseFormula::BinaryCrossEntropyTensorflow2 => {
            let p = p.clamp(range(formula)[0], range(formula)[1]);
            -y * (p + 1e-7).ln() - (1.0 - y) * (1.0 - p + 1e-7).ln()
        }
        ElementwiseFormula::BinaryCrossEntropyKeras2 => {
            let p = p.clamp(range(formula)[0], range(formula)[1]);
            let z = (p / (1.0 - p)).ln();
            z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()
        }
    };
    let of_sample = |first: usize| (first..first + attributes).map(|i| weights[i] * f(predictions[i], labels[i])).sum::<f64>();
    (0..predictions.len()).step_by(attributes).map(|first| of_sample(first) / attributes as f64).collect()
}

/// Returns the gradient of the batch's mean loss with respect to the predictions, \[batch, attributes\]. The gradient of a
/// clipped prediction is 0.
pub fn elementwise_loss_gradient(formula: ElementwiseFormula, predictions: &[f64], labels: &[f64], weights: &[f64]) -> Vec<f64> {
    let slope = |p: f64, y: f64| match formula {
        ElementwiseFormula::MeanSquaredError => 2.0 * (p - y),
        ElementwiseFormula::MeanAbsoluteError if p == y => 0.0,
        ElementwiseFormula::MeanAbsoluteError => (p - y).signum(),
        _ if p < range(formula)[0] || p > range(formula)[1] => 0.0,
        ElementwiseFormula::BinaryCrossEntropyTensorflow2 => (1.0 - y) / (1.0 - p + 1e-7) - y / (p + 1e-7),
        // The gradient with respect to the logit z is σ(z) − y = p − y, and dz/dp = 1 / (p (1 − p)).
        ElementwiseFormula::BinaryCrossEntropyKeras2 => (p - y) / (p * (1.0 - p)),
    };
    let count = predictions.len();
    (0..count).map(|i| weights[i] * slope(predictions[i], labels[i]) / count as f64).collect()
}

/// Returns the range to which predictions are clipped: 1e-7 to 1 − 1e-7. Keras 2.2.4 rounds the upper end to single precision.
fn range(formula: ElementwiseFormula) -> [f64; 2] {
    match formula {
        ElementwiseFormula::BinaryCrossEntropyKeras2 => [1e-7, f64::from(1.0f32 - 1e-7)],
        _ => [1e-7, 1.0 - 1e-7],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::finite_difference::check;

    #[test]
    fn the_gradients_agree_with_finite_differences() {
        let attributes = 5;
        let p: Vec<f64> =
            (0..3 * attributes as u64).map(|i| 0.05 + 0.9 * f64::from(super::super::random::unit(5, 0, i))).collect();
        let y: Vec<f64> = (0..3 * attributes).map(|i| [1.0, 0.0, 0.1][i % 3]).collect();
        let weighted: Vec<f64> = (0..3 * attributes).map(|i| [0.5, 0.0, 20.0, 1.0][i % 4]).collect();
        for weights in [vec![1.0; p.len()], weighted] {
            for formula in ElementwiseFormula::ALL {
                let gradient = elementwise_loss_gradient(formula, &p, &y, &weights);
                check(&[1.0 / 3.0; 3], &p, &gradient, |p| elementwise_loss(formula, attributes, p, &y, &weights));
            }
        }
    }

    #[test]
    fn the_two_cross_entropies_differ_where_a_prediction_is_wrong_and_certain() {
        let loss = |formula| elementwise_loss(formula, 1, &[0.0, 1.0], &[1.0, 0.0], &[1.0; 2]);
        for value in loss(ElementwiseFormula::BinaryCrossEntropyTensorflow2) {
            assert!((value + 2e-7f64.ln()).abs() < 1e-8, "{value}");
        }
        let keras = loss(ElementwiseFormula::BinaryCrossEntropyKeras2);
        assert!((keras[0] + 1e-7f64.ln()).abs() < 1e-6 && (keras[1] - 23.0 * 2f64.ln()).abs() < 1e-6, "{keras:?}");
    }
}

//! Cosine proximity: loss\[s\] = −Σ_a n(y) n(p),  n(v) = v / √max(Σ v², 1e-12), as in Keras 2.2.4, or the arccos of the sum, as
//! in the text of the paper

use crate::ops::CosineForm;

const FLOOR: f64 = 1e-12;

/// Lower bound of the squared sine of an angle in the denominator of the gradient.
const SINE_FLOOR: f64 = 1e-6;

/// Returns the loss of each sample, \[batch\]. Predictions and labels are \[batch, attributes\].
pub fn cosine_proximity(form: CosineForm, attributes: usize, predictions: &[f64], labels: &[f64]) -> Vec<f64> {
    let samples = predictions.chunks(attributes).zip(labels.chunks(attributes));
    let cosines = samples.map(|(p, y)| dot(p, y) / length(p) / length(y));
    match form {
        CosineForm::Proximity => cosines.map(|cosine| -cosine).collect(),
        CosineForm::Angle => cosines.map(|cosine| cosine.clamp(-1.0, 1.0).acos()).collect(),
    }
}

/// Returns the gradient of the batch's mean loss with respect to the predictions, \[batch, attributes\]. Where Σ p² is below
/// the floor, n(p) is linear in p.
pub fn cosine_proximity_gradient(form: CosineForm, attributes: usize, predictions: &[f64], labels: &[f64]) -> Vec<f64> {
    let batch = (predictions.len() / attributes) as f64;
    let samples = predictions.chunks(attributes).zip(labels.chunks(attributes));
    let gradient = |(p, y): (&[f64], &[f64])| -> Vec<f64> {
        let (length_p, length_y) = (length(p), length(y));
        let cosine = dot(p, y) / length_p / length_y;
        let sine = match form {
            CosineForm::Proximity => 1.0,
            CosineForm::Angle => (1.0 - cosine * cosine).max(SINE_FLOOR).sqrt(),
        };
        let projected = if dot(p, p) >= FLOOR { cosine } else { 0.0 };
        p.iter().zip(y).map(|(p, y)| -(y / length_y - p / length_p * projected) / length_p / batch / sine).collect()
    };
    samples.flat_map(gradient).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn length(v: &[f64]) -> f64 {
    dot(v, v).max(FLOOR).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::finite_difference::check;

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let attributes = 5;
        let p: Vec<f64> = (0..3 * attributes as u64).map(|i| f64::from(super::super::random::unit(5, 0, i))).collect();
        let y: Vec<f64> = (0..3 * attributes).map(|i| f64::from(u8::from(i % 3 == 0 && i < 10))).collect();
        for form in [CosineForm::Proximity, CosineForm::Angle] {
            let gradient = cosine_proximity_gradient(form, attributes, &p, &y);
            check(&[1.0 / 3.0; 3], &p, &gradient, |p| cosine_proximity(form, attributes, p, &y));
        }
    }
}

//! How good predictions are, attribute by attribute, as scikit-learn defines it.

/// Figures of one attribute, or the mean of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttributeMetrics {
    /// Share of samples that have the attribute.
    pub frequency: f64,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Mean of the shares of right predictions among samples with the attribute and among those without; of one of them
    /// where there are no others.
    pub balanced_accuracy: f64,
    /// Accuracy of always guessing what most samples have; its balanced accuracy is one half.
    pub majority_accuracy: f64,
}

/// Figures of every attribute from probabilities and labels of 0 and 1, both \[samples, attributes\]. A prediction is
/// `round(p)`, half to even, so one half counts as 0. Without samples all figures are NaN.
///
/// # Panics
/// If the two tables differ in length, or are not whole rows of `attributes`.
pub fn per_attribute(predictions: &[f32], labels: &[u8], attributes: usize) -> Vec<AttributeMetrics> {
    assert_eq!(predictions.len(), labels.len(), "as many predictions as labels");
    assert_eq!(labels.len() % attributes.max(1), 0, "whole rows of {attributes}");
    (0..attributes).map(|attribute| of_attribute(predictions, labels, attributes, attribute)).collect()
}

fn of_attribute(predictions: &[f32], labels: &[u8], attributes: usize, attribute: usize) -> AttributeMetrics {
    // Samples and right predictions, of those without the attribute and of those with it.
    let (mut samples, mut right) = ([0u64; 2], [0u64; 2]);
    let column = predictions.iter().zip(labels).skip(attribute).step_by(attributes);
    for (prediction, label) in column {
        let has = usize::from(*label != 0);
        samples[has] += 1;
        right[has] += u64::from((prediction.round_ties_even() == 1.0) == (has == 1));
    }
    let all = (samples[0] + samples[1]) as f64;
    let recalls: Vec<f64> = samples
        .iter()
        .zip(right)
        .filter(|(samples, _)| **samples > 0)
        .map(|(samples, right)| right as f64 / *samples as f64)
        .collect();
    AttributeMetrics {
        frequency: samples[1] as f64 / all,
        accuracy: (right[0] + right[1]) as f64 / all,
        balanced_accuracy: recalls.iter().sum::<f64>() / recalls.len() as f64,
        majority_accuracy: samples[0].max(samples[1]) as f64 / all,
    }
}

/// The mean of each figure over attributes.
pub fn mean(attributes: &[AttributeMetrics]) -> AttributeMetrics {
    let mean = |figure: fn(&AttributeMetrics) -> f64| attributes.iter().map(figure).sum::<f64>() / attributes.len() as f64;
    AttributeMetrics {
        frequency: mean(|metrics| metrics.frequency),
        accuracy: mean(|metrics| metrics.accuracy),
        balanced_accuracy: mean(|metrics| metrics.balanced_accuracy),
        majority_accuracy: mean(|metrics| metrics.majority_accuracy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_scikit_learn() {
        // Columns: right but for one of three positives; all wrong by ties to even; one class only.
        let predictions = [0.9, 0.5, 0.1, 0.8, 0.5, 0.2, 0.3, 0.5, 0.7, 0.1, 0.5, 0.4];
        let labels = [1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0];
        let metrics = per_attribute(&predictions, &labels, 3);
        let expected = [(0.75, 0.75, (2.0 / 3.0 + 1.0) / 2.0, 0.75), (1.0, 0.0, 0.0, 1.0), (0.0, 0.75, 0.75, 1.0)];
        for (found, (frequency, accuracy, balanced, majority)) in metrics.iter().zip(expected) {
            assert_eq!((found.frequency, found.accuracy, found.majority_accuracy), (frequency, accuracy, majority));
            assert!((found.balanced_accuracy - balanced).abs() < 1e-15);
        }
        assert!((mean(&metrics).accuracy - 0.5).abs() < 1e-15);
    }
}

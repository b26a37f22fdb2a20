//! What predictions are worth, attribute by attribute, beside what guessing the majority would reach.

use std::fmt::Write;

/// Figures of one attribute.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AttributeMetrics {
    /// Its name.
    pub attribute: String,
    /// Share of images that have it.
    pub frequency: f64,
    /// Share of right predictions.
    pub accuracy: f64,
    /// Accuracy of always predicting what is more frequent.
    pub majority_accuracy: f64,
    /// Mean of sensitivity and specificity; one half for any constant guess. Missing where only one class occurs.
    pub balanced_accuracy: Option<f64>,
}

/// Figures of all attributes.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Metrics {
    /// In the order of the outputs.
    pub attributes: Vec<AttributeMetrics>,
    /// Mean of the attributes' accuracies.
    pub accuracy: f64,
    /// Mean of the majority guess's accuracies.
    pub majority_accuracy: f64,
    /// Mean of the attributes' balanced accuracies where there is one.
    pub balanced_accuracy: f64,
}

impl Metrics {
    /// Compares probabilities with labels, both \[images, names\] row-major. A prediction is 1 where the probability is more
    /// than one half: Python's `round`, as the paper's script has it.
    pub fn new(names: &[String], probabilities: &[f32], labels: &[u8]) -> Metrics {
        let attributes: Vec<AttributeMetrics> =
            names.iter().enumerate().map(|(column, name)| of_column(name, column, names.len(), probabilities, labels)).collect();
        let balanced: Vec<f64> = attributes.iter().filter_map(|attribute| attribute.balanced_accuracy).collect();
        Metrics {
            accuracy: mean(attributes.iter().map(|attribute| attribute.accuracy)),
            majority_accuracy: mean(attributes.iter().map(|attribute| attribute.majority_accuracy)),
            balanced_accuracy: mean(balanced.into_iter()),
            attributes,
        }
    }

    /// A CSV table, one row an attribute and a last one for their means.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("attribute,frequency,accuracy,majority_accuracy,balanced_accuracy\n");
        for row in &self.attributes {
            let balanced = row.balanced_accuracy.map_or(String::new(), |value| format!("{value:.6}"));
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{:.6},{:.6},{:.6},{balanced}",
                row.attribute, row.frequency, row.accuracy, row.majority_accuracy
            );
        }
        let frequency = mean(self.attributes.iter().map(|attribute| attribute.frequency));
        let _ =
            writeln!(csv, "mean,{frequency:.6},{:.6},{:.6},{:.6}", self.accuracy, self.majority_accuracy, self.balanced_accuracy);
        csv
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

fn of_column(name: &str, column: usize, width: usize, probabilities: &[f32], labels: &[u8]) -> AttributeMetrics {
    // Right predictions and all images, for images without [0] and with [1] the attribute.
    let (mut right, mut count) = ([0.0_f64; 2], [0.0_f64; 2]);
    for (probability, label) in probabilities.iter().skip(column).step_by(width).zip(labels.iter().skip(column).step_by(width)) {
        let class = usize::from(*label == 1);
        count[class] += 1.0;
        right[class] += f64::from(u8::from((probability.round_ties_even() == 1.0) == (class == 1)));
    }
    let all = (count[0] + count[1]).max(1.0);
    let both = count[0] > 0.0 && count[1] > 0.0;
    AttributeMetrics {
        attribute: name.to_string(),
        frequency: count[1] / all,
        accuracy: (right[0] + right[1]) / all,
        majority_accuracy: count[0].max(count[1]) / all,
        balanced_accuracy: both.then(|| (right[0] / count[0] + right[1] / count[1]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_their_definitions() {
        let names = ["a", "b"].map(String::from);
        // a: labels 1 1 0 0, predictions 1 0 0 0 (one half rounds to 0); b: only one class.
        let probabilities = [0.9, 0.2, 0.5, 0.7, 0.1, 0.1, 0.3, 0.0];
        let metrics = Metrics::new(&names, &probabilities, &[1, 0, 1, 0, 0, 0, 0, 0]);
        let a = &metrics.attributes[0];
        assert_eq!((a.frequency, a.accuracy, a.majority_accuracy, a.balanced_accuracy), (0.5, 0.75, 0.5, Some(0.75)));
        let b = &metrics.attributes[1];
        assert_eq!((b.accuracy, b.majority_accuracy, b.balanced_accuracy), (0.75, 1.0, None));
        assert_eq!(metrics.accuracy, 0.75);
        assert_eq!(metrics.balanced_accuracy, 0.75);
        assert!(metrics.to_csv().ends_with("mean,0.250000,0.750000,0.750000,0.750000\n"));
    }
}

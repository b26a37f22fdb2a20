//! The effect of 16-bit floats: compares the predictions of a backbone that stores its activations as 16-bit floats with those of
//! one that stores them as 32-bit floats.

use serde::{Deserialize, Serialize};

use super::Metrics;
use super::metrics::predicts;

/// Differences between predictions with 16-bit floats and with 32-bit floats, on the same images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HalfPrecision {
    /// The largest absolute difference between two probabilities.
    pub largest_difference: f64,
    /// The mean absolute difference between two probabilities.
    pub mean_difference: f64,
    /// The share of predictions in which only one of the two probabilities is above one half.
    pub decisions_changed: f64,
    /// The mean accuracy with 32-bit floats.
    pub accuracy_in_f32: f64,
    /// The mean cosine proximity with 32-bit floats.
    pub cosine_proximity_in_f32: f64,
}

impl HalfPrecision {
    /// Compares the probabilities `half` of 16-bit floats with the probabilities `single` of 32-bit floats. Both have the
    /// same images and attributes in the same order. `metrics` are the metrics with 32-bit floats.
    pub fn new(half: &[f32], single: &[f32], metrics: &Metrics) -> HalfPrecision {
        let pairs = || half.iter().zip(single);
        let differences = || pairs().map(|(half, single)| f64::from(half - single).abs());
        let count = half.len().max(1) as f64;
        let changed = pairs().filter(|(half, single)| predicts(**half) != predicts(**single)).count();
        HalfPrecision {
            largest_difference: differences().fold(0.0, f64::max),
            mean_difference: differences().sum::<f64>() / count,
            decisions_changed: changed as f64 / count,
            accuracy_in_f32: metrics.means.accuracy,
            cosine_proximity_in_f32: metrics.cosine_proximity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_and_changed_decisions_are_counted() {
        let single = [0.1, 0.6, 0.49, 0.9];
        let metrics = Metrics::new(&["a", "b"].map(String::from), &single, &[0, 1, 0, 1]);
        let found = HalfPrecision::new(&[0.1, 0.5, 0.5, 0.8], &single, &metrics);
        assert!((found.largest_difference - 0.1).abs() < 1e-6 && (found.mean_difference - 0.0525).abs() < 1e-6, "{found:?}");
        assert_eq!((found.decisions_changed, found.accuracy_in_f32), (0.25, metrics.means.accuracy));
    }
}

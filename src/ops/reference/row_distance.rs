//! The distance between two rows, by the definition of each metric.

use crate::ops::Metric;

/// Returns the distance between two rows. As in scikit-learn, the cosine distance is 1 if a row is all zeros, and never negative.
pub fn row_distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let sum = |of: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(a, b)| of(f64::from(*a), f64::from(*b))).sum::<f64>();
    match metric {
        Metric::Euclidean => sum(&|a, b| (a - b).powi(2)).sqrt(),
        Metric::Manhattan => sum(&|a, b| (a - b).abs()),
        Metric::Hamming => sum(&|a, b| f64::from(u8::from(a != b))) / a.len() as f64,
        Metric::Cosine => {
            let lengths = sum(&|a, _| a * a).sqrt() * sum(&|_, b| b * b).sqrt();
            if lengths == 0.0 { 1.0 } else { (1.0 - sum(&|a, b| a * b) / lengths).max(0.0) }
        }
    }
}

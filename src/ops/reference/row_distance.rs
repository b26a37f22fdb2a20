//! How far two rows are apart, by definition.

use crate::ops::Metric;

/// The distance between two rows; the cosine one is 1 to and from a row of zeros, and never negative, as in scikit-learn.
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

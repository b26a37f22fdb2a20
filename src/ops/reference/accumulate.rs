//! Gradient accumulation: sum = kept · sum + weight · gradient

use crate::ops::Accumulate;

/// Returns the sum \[count\] after the gradient of a part was added.
pub fn accumulate(part: Accumulate, gradient: &[f64], sum: &[f64]) -> Vec<f64> {
    let Accumulate { kept, weight, .. } = part;
    let before = |sum: f64| if kept == 0.0 { 0.0 } else { f64::from(kept) * sum };
    gradient.iter().zip(sum).map(|(gradient, sum)| before(*sum) + f64::from(weight) * gradient).collect()
}

//! y\[i\] = Σ_p parts\[p, i\]

use super::column_sum::column_sum;

/// The sum of all parts \[count, elements\]: parts are rows.
pub fn sum_of_parts(elements: usize, parts: &[f64]) -> Vec<f64> {
    column_sum(elements, parts)
}

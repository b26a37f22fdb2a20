//! Sum of parts: y\[i\] = Σ_p parts\[p, i\]

use super::column_sum::column_sum;

/// Returns the sum \[elements\] of parts \[count, elements\]. It is a sum of columns, because each part is a row.
pub fn sum_of_parts(elements: usize, parts: &[f64]) -> Vec<f64> {
    column_sum(elements, parts)
}

//! Sums of columns: y\[c\] = Σ_m x\[m, c\]

/// Returns the sum of every column of x \[rows, channels\].
pub fn column_sum(channels: usize, x: &[f64]) -> Vec<f64> {
    (0..channels).map(|c| x.iter().skip(c).step_by(channels).sum()).collect()
}

//! Batch normalisation: y\[m, c\] = gamma\[c\] (x\[m, c\] − mean\[c\]) / √(variance\[c\] + epsilon) + beta\[c\]

/// Returns the normalised rows \[rows, channels\]. `statistics` holds mean and variance, and `weights` gamma and beta, each
/// \[channels\].
pub fn batch_norm(epsilon: f64, x: &[f64], statistics: [&[f64]; 2], weights: [&[f64]; 2]) -> Vec<f64> {
    let channels = statistics[0].len();
    let value = |(i, x): (usize, &f64)| {
        let c = i % channels;
        weights[0][c] * (x - statistics[0][c]) / (statistics[1][c] + epsilon).sqrt() + weights[1][c]
    };
    x.iter().enumerate().map(value).collect()
}

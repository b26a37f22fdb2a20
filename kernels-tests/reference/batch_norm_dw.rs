//! dgamma\[c\] = Σ_m gy\[m, c\] x̂\[m, c\],  dbeta\[c\] = Σ_m gy\[m, c\],  x̂ = (x − mean) / √(variance + epsilon)

/// dgamma and dbeta; `statistics` is mean and variance.
pub fn batch_norm_dw(epsilon: f64, gy: &[f64], x: &[f64], [mean, variance]: [&[f64]; 2]) -> [Vec<f64>; 2] {
    let channels = mean.len();
    let mut gradients = [vec![0.0; channels], vec![0.0; channels]];
    for (i, (gy, x)) in gy.iter().zip(x).enumerate() {
        let c = i % channels;
        gradients[0][c] += gy * (x - mean[c]) / (variance[c] + epsilon).sqrt();
        gradients[1][c] += gy;
    }
    gradients
}

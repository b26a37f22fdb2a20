//! Weight gradients of batch normalisation: dgamma\[c\] = Σ_m g\[m, c\] x̂\[m, c\],  dbeta\[c\] = Σ_m g\[m, c\], with
//! x̂ = (x − mean) / √(variance + epsilon) and g = gy f′(gamma x̂ + beta), where f is the activation that follows

use crate::ops::Activation;

use super::batch_norm::batch_norm;

/// Returns the gradient g before the activation \[rows, channels\]. `statistics` holds mean and variance, and `weights` gamma and
/// beta, each \[channels\].
pub fn before_activation(
    activation: Activation,
    epsilon: f64,
    [gy, x]: [&[f64]; 2],
    statistics: [&[f64]; 2],
    weights: [&[f64]; 2],
) -> Vec<f64> {
    let normalised = batch_norm(epsilon, x, statistics, weights);
    gy.iter().zip(normalised).map(|(gy, value)| gy * activation.derivative_at(value)).collect()
}

/// Returns dgamma and dbeta, each \[channels\], from the gradient g before the activation. The last argument holds mean and
/// variance, each \[channels\].
pub fn batch_norm_backward_weight(epsilon: f64, g: &[f64], x: &[f64], [mean, variance]: [&[f64]; 2]) -> [Vec<f64>; 2] {
    let channels = mean.len();
    let mut gradients = [vec![0.0; channels], vec![0.0; channels]];
    for (i, (g, x)) in g.iter().zip(x).enumerate() {
        let c = i % channels;
        gradients[0][c] += g * (x - mean[c]) / (variance[c] + epsilon).sqrt();
        gradients[1][c] += g;
    }
    gradients
}

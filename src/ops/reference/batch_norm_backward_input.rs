//! Input gradient of batch normalisation: dx = gamma / √(variance + epsilon) · (g − dbeta / all_rows − x̂ · dgamma / all_rows) in
//! training, and dx = gamma / √(variance + epsilon) · g in inference, with x̂ = (x − mean) / √(variance + epsilon) and g the
//! gradient before the activation

/// Returns the gradient with respect to x \[rows, channels\] from the gradient g before the activation. The last two arguments
/// hold mean and variance, and gamma, dgamma and dbeta, each \[channels\].
///
/// In training `all_rows` is the number of rows from which the statistics, dgamma and dbeta were computed; `g` and `x` may hold
/// fewer rows. In inference it is `None`.
pub fn batch_norm_backward_input(
    all_rows: Option<u32>,
    epsilon: f64,
    g: &[f64],
    x: &[f64],
    [mean, variance]: [&[f64]; 2],
    [gamma, dgamma, dbeta]: [&[f64]; 3],
) -> Vec<f64> {
    let channels = mean.len();
    let gradient = |(i, (g, x)): (usize, (&f64, &f64))| {
        let c = i % channels;
        let deviation = (variance[c] + epsilon).sqrt();
        let through = all_rows.map_or(0.0, |rows| (dbeta[c] + (x - mean[c]) / deviation * dgamma[c]) / f64::from(rows));
        gamma[c] / deviation * (g - through)
    };
    g.iter().zip(x).enumerate().map(gradient).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Activation;
    use crate::ops::reference::batch_norm::batch_norm;
    use crate::ops::reference::batch_norm_backward_weight::{batch_norm_backward_weight, before_activation};
    use crate::ops::reference::batch_norm_statistics::batch_norm_statistics;
    use crate::ops::reference::finite_difference::check;
    use crate::ops::reference::pointwise::activate;
    use crate::ops::reference::widen;

    #[test]
    fn gradients_of_batch_norm_agree_with_finite_differences() {
        let (channels, rows, epsilon) = (3, 5, 1e-3);
        let draw = |tensor, count| widen(&super::super::random::values(2, tensor, count));
        let (x, gy, gamma, beta) = (draw(0, rows * channels), draw(1, rows * channels), draw(2, channels), draw(3, channels));
        let (mean, variance) = batch_norm_statistics(channels, &x);
        for (training, activation) in [true, false].into_iter().flat_map(|t| [(t, Activation::None), (t, Activation::Relu6)]) {
            let forward = |x: &[f64], gamma: &[f64], beta: &[f64]| -> Vec<f64> {
                let batch = batch_norm_statistics(channels, x);
                let (mean, variance) = if training { (&batch.0, &batch.1) } else { (&mean, &variance) };
                let normalised = batch_norm(epsilon, x, [mean, variance], [gamma, beta]);
                normalised.into_iter().map(|value| activate(activation, value)).collect()
            };
            let g = before_activation(activation, epsilon, [&gy, &x], [&mean, &variance], [&gamma, &beta]);
            if activation == Activation::Relu6 {
                assert!((1..g.len()).contains(&g.iter().filter(|g| **g == 0.0).count()), "ReLU6 clips every element, or none");
            }
            let [dgamma, dbeta] = batch_norm_backward_weight(epsilon, &g, &x, [&mean, &variance]);
            let all_rows = training.then_some(rows as u32);
            let dx = batch_norm_backward_input(all_rows, epsilon, &g, &x, [&mean, &variance], [&gamma, &dgamma, &dbeta]);
            check(&gy, &x, &dx, |x| forward(x, &gamma, &beta));
            check(&gy, &gamma, &dgamma, |gamma| forward(&x, gamma, &beta));
            check(&gy, &beta, &dbeta, |beta| forward(&x, &gamma, beta));
        }
    }
}

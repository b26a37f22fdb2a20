//! dx = gamma / √(variance + epsilon) · (gy − dbeta / rows − x̂ · dgamma / rows) in training, without what is subtracted in
//! inference; x̂ = (x − mean) / √(variance + epsilon)

/// The gradient by x; `statistics` is mean and variance, `weights` gamma, dgamma and dbeta.
pub fn batch_norm_dx(
    training: bool,
    epsilon: f64,
    gy: &[f64],
    x: &[f64],
    [mean, variance]: [&[f64]; 2],
    [gamma, dgamma, dbeta]: [&[f64]; 3],
) -> Vec<f64> {
    let channels = mean.len();
    let rows = (x.len() / channels) as f64;
    let gradient = |(i, (gy, x)): (usize, (&f64, &f64))| {
        let c = i % channels;
        let deviation = (variance[c] + epsilon).sqrt();
        let through = (dbeta[c] + (x - mean[c]) / deviation * dgamma[c]) / rows;
        gamma[c] / deviation * (gy - if training { through } else { 0.0 })
    };
    gy.iter().zip(x).enumerate().map(gradient).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::batch_norm::batch_norm;
    use crate::reference::batch_norm_dw::batch_norm_dw;
    use crate::reference::batch_norm_statistics::batch_norm_statistics;
    use crate::reference::finite_difference::check;
    use crate::reference::widen;

    #[test]
    fn gradients_of_batch_norm_agree_with_finite_differences() {
        let (channels, rows, epsilon) = (3, 5, 1e-3);
        let draw = |tensor, count| widen(&crate::random::values(2, tensor, count));
        let (x, gy, gamma, beta) = (draw(0, rows * channels), draw(1, rows * channels), draw(2, channels), draw(3, channels));
        let (mean, variance) = batch_norm_statistics(channels, &x);
        for training in [true, false] {
            let forward = |x: &[f64], gamma: &[f64], beta: &[f64]| {
                let batch = batch_norm_statistics(channels, x);
                let (mean, variance) = if training { (&batch.0, &batch.1) } else { (&mean, &variance) };
                batch_norm(epsilon, x, [mean, variance], [gamma, beta])
            };
            let [dgamma, dbeta] = batch_norm_dw(epsilon, &gy, &x, [&mean, &variance]);
            let dx = batch_norm_dx(training, epsilon, &gy, &x, [&mean, &variance], [&gamma, &dgamma, &dbeta]);
            check(&gy, &x, &dx, |x| forward(x, &gamma, &beta));
            check(&gy, &gamma, &dgamma, |gamma| forward(&x, gamma, &beta));
            check(&gy, &beta, &dbeta, |beta| forward(&x, &gamma, beta));
        }
    }
}

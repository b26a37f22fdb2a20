//! mean\[c\] = Σ_m x\[m, c\] / rows,  variance\[c\] = Σ_m (x\[m, c\] − mean\[c\])² / rows

/// Mean and biased variance of every column of x \[rows, channels\].
pub fn batch_norm_statistics(channels: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let rows = x.len() / channels;
    let column = |c: usize| (0..rows).map(move |m| x[m * channels + c]);
    let mean: Vec<f64> = (0..channels).map(|c| column(c).sum::<f64>() / rows as f64).collect();
    let variance = (0..channels).map(|c| column(c).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / rows as f64);
    let variance = variance.collect();
    (mean, variance)
}

/// momentum · running + (1 − momentum) · correction · batch
pub fn running(momentum: f64, correction: f64, running: &[f64], batch: &[f64]) -> Vec<f64> {
    running.iter().zip(batch).map(|(running, batch)| momentum * running + (1.0 - momentum) * correction * batch).collect()
}

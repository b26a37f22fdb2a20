//! Batch statistics: mean\[c\] = Σ_m x\[m, c\] / rows,  variance\[c\] = Σ_m (x\[m, c\] − mean\[c\])² / rows

use crate::plan::RowParts;

/// Returns mean and biased variance of every column of x \[rows, channels\].
pub fn batch_norm_statistics(channels: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let rows = x.len() / channels;
    let column = |c: usize| (0..rows).map(move |m| x[m * channels + c]);
    let mean: Vec<f64> = (0..channels).map(|c| column(c).sum::<f64>() / rows as f64).collect();
    let variance = (0..channels).map(|c| column(c).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / rows as f64);
    let variance = variance.collect();
    (mean, variance)
}

/// Returns means and biased variances of the parts of the rows, each \[parts, channels\].
pub fn statistics_of_parts(rows: RowParts, channels: usize, x: &[f64]) -> [Vec<f64>; 2] {
    let parts = x.chunks(rows.rows_a_part as usize * channels).map(|part| batch_norm_statistics(channels, part));
    let (means, variances): (Vec<_>, Vec<_>) = parts.unzip();
    [means.concat(), variances.concat()]
}

//! Combined batch statistics: mean\[c\] = Σ_p w\[p\] means\[p, c\],
//! variance\[c\] = Σ_p w\[p\] (variances\[p, c\] + (means\[p, c\] − mean\[c\])²), with w\[p\] = rows of the part / rows

use crate::plan::RowParts;

/// Returns mean and biased variance of all rows, each \[channels\], from those of the parts, each \[parts, channels\].
pub fn batch_norm_combine(rows: RowParts, channels: usize, means: &[f64], variances: &[f64]) -> [Vec<f64>; 2] {
    let rows_of = |part: u32| rows.rows_a_part.min(rows.rows - part * rows.rows_a_part);
    let weights: Vec<f64> = (0..rows.count()).map(|part| f64::from(rows_of(part)) / f64::from(rows.rows)).collect();
    let parts = || weights.iter().zip(means.chunks(channels).zip(variances.chunks(channels)));
    let mean = |c: usize| -> f64 { parts().map(|(weight, (mean, _))| weight * mean[c]).sum() };
    let spread = |c: usize| -> f64 {
        parts().map(|(weight, (means, variances))| weight * (variances[c] + (means[c] - mean(c)).powi(2))).sum()
    };
    [(0..channels).map(mean).collect(), (0..channels).map(spread).collect()]
}

/// Returns the updated running statistics: momentum · running + (1 − momentum) · correction · batch, each \[channels\].
pub fn running(momentum: f64, correction: f64, running: &[f64], batch: &[f64]) -> Vec<f64> {
    running.iter().zip(batch).map(|(running, batch)| momentum * running + (1.0 - momentum) * correction * batch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::batch_norm_statistics::{batch_norm_statistics, statistics_of_parts};
    use crate::ops::reference::widen;

    #[test]
    fn parts_combine_to_the_statistics_of_all_rows() {
        let (channels, rows) = (3, RowParts { rows: 11, rows_a_part: 4 });
        let x = widen(&super::super::random::values(27, 0, 33));
        let [means, variances] = statistics_of_parts(rows, channels, &x);
        let combined = batch_norm_combine(rows, channels, &means, &variances);
        let (mean, variance) = batch_norm_statistics(channels, &x);
        for (found, expected) in combined.iter().flatten().zip(mean.iter().chain(&variance)) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }
}

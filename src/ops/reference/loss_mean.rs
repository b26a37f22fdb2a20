//! Mean loss of a batch: means\[position\] = Σ loss / count

/// Returns the list with the element at `position` replaced by the mean of `loss`.
pub fn loss_mean(position: usize, loss: &[f64], before: &[f64]) -> Vec<f64> {
    let mut means = before.to_vec();
    means[position] = loss.iter().sum::<f64>() / loss.len() as f64;
    means
}

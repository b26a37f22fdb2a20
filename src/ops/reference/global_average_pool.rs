//! y\[b, c\] = (1 / positions) Σ_p x\[b, p, c\]

use crate::ops::GlobalAveragePool;

/// Returns the mean over all positions.
pub fn global_average_pool<T: Copy + Into<f64>>(shape: GlobalAveragePool, x: &[T]) -> Vec<f64> {
    let [batch, positions, channels] = [shape.batch, shape.positions, shape.channels].map(|size| size as usize);
    let mut y = Vec::with_capacity(batch * channels);
    for b in 0..batch {
        for c in 0..channels {
            let sum: f64 = (0..positions).map(|p| x[(b * positions + p) * channels + c].into()).sum();
            y.push(sum / positions as f64);
        }
    }
    y
}

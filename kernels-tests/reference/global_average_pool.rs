//! y\[b, c\] = (1 / positions) Σ_p x\[b, p, c\]

use lineament::kernels::GlobalAveragePool;

/// The mean over all positions.
pub fn global_average_pool(shape: GlobalAveragePool, x: &[f32]) -> Vec<f64> {
    let [batch, positions, channels] = [shape.batch, shape.positions, shape.channels].map(|size| size as usize);
    let mut y = Vec::with_capacity(batch * channels);
    for b in 0..batch {
        for c in 0..channels {
            let sum: f64 = (0..positions).map(|p| f64::from(x[(b * positions + p) * channels + c])).sum();
            y.push(sum / positions as f64);
        }
    }
    y
}

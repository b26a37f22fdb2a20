//! Reference of `kmeans_accumulate`: partials\[r, chunk, j\] = (Σ w_i x_i, \[Σ w_i, Σ w_i distance_i, Σ changed_i, Σ w_i\]) over
//! the rows i of the chunk with label j in restart r.

use crate::ops::{KmeansAccumulate, RestartState};

use super::kmeans_assign::CHANGED;
use super::widen;

/// Returns the partial sums, `[restarts, chunks, clusters, columns + 4]`. A finished restart keeps the values of `before`, unless
/// `finished_too` is set.
pub fn kmeans_accumulate(
    step: KmeansAccumulate,
    [rows, weights, distances]: [&[f32]; 3],
    labels: &[u32],
    states: &[RestartState],
    before: &[f32],
) -> Vec<f64> {
    let [n, d, k] = [step.shape.rows, step.shape.columns, step.shape.clusters].map(|size| size as usize);
    let (chunks, width) = (step.chunks() as usize, d + 4);
    let mut partials = widen(before);
    for (r, state) in states.iter().enumerate() {
        if state.finished != 0 && !step.finished_too {
            continue;
        }
        partials[r * chunks * k * width..(r + 1) * chunks * k * width].fill(0.0);
        for i in 0..n {
            let label = labels[r * n + i];
            let chunk = i / step.chunk_rows as usize;
            let at = ((r * chunks + chunk) * k + (label & !CHANGED) as usize) * width;
            let weight = f64::from(weights[i]);
            for (sum, value) in partials[at..at + d].iter_mut().zip(&rows[i * d..]) {
                *sum += weight * f64::from(*value);
            }
            partials[at + d] += weight;
            partials[at + d + 1] += weight * f64::from(distances[r * n + i]);
            partials[at + d + 3] += weight;
            partials[at + d + 2] += f64::from(u8::from(label & CHANGED != 0));
        }
    }
    partials
}

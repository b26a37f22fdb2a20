//! Reference of `kmeans_assign_accumulate`: the labels and distances of `kmeans_assign`, and for each chunk of rows and each
//! cluster the sums (Σ w x, \[Σ w, Σ w · distance, Σ changed, Σ w\]) over the rows with the new labels.

use crate::ops::{KmeansAssignAccumulate, RestartState};

use super::kmeans_assign::{CHANGED, kmeans_assign};
use super::widen;

/// Returns the labels, the squared distances and the partial sums `[restarts, chunks, clusters, columns + 4]`. A finished
/// restart keeps the values of `labels`, `distances` and `partials`, unless `finished_too` is set.
pub fn kmeans_assign_accumulate(
    step: KmeansAssignAccumulate,
    chunk_rows: u32,
    [rows, weights, centers]: [&[f32]; 3],
    keys: &[u32],
    states: &[RestartState],
    labels: &[u32],
    [distances, partials]: [&[f32]; 2],
) -> [Vec<f64>; 3] {
    let rule = (step.ties, step.finished_too);
    let (labels, distances) = kmeans_assign(step.shape, rule, [rows, centers], keys, states, labels, distances);
    let [n, d, k] = [step.shape.rows, step.shape.columns, step.shape.clusters].map(|size| size as usize);
    let (chunks, width) = (n.div_ceil(chunk_rows as usize), d + 4);
    let mut partials = widen(partials);
    for (r, state) in states.iter().enumerate() {
        if state.finished != 0 && !step.finished_too {
            continue;
        }
        for chunk in 0..chunks {
            for j in 0..k {
                let mut sums = vec![0.0; width];
                let first = chunk * chunk_rows as usize;
                for i in first..n.min(first + chunk_rows as usize) {
                    let label = labels[r * n + i] as u32;
                    if (label & !CHANGED) as usize != j {
                        continue;
                    }
                    let weight = f64::from(weights[i]);
                    for (sum, value) in sums.iter_mut().zip(&rows[i * d..(i + 1) * d]) {
                        *sum += weight * f64::from(*value);
                    }
                    sums[d] += weight;
                    sums[d + 1] += weight * distances[r * n + i];
                    sums[d + 2] += f64::from(u8::from(label & CHANGED != 0));
                    sums[d + 3] += weight;
                }
                partials[((r * chunks + chunk) * k + j) * width..][..width].copy_from_slice(&sums);
            }
        }
    }
    [labels, distances, partials]
}

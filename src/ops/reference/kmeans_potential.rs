//! Reference of `kmeans_potential`: potentials\[r, t, chunk\] = Σ w_i min(D²_i, |x_i − candidate_t|²) over the rows i of the
//! chunk.

use crate::ops::KmeansPotential;

use super::kmeans_assign::squared_distance;

/// Returns D², `[restarts, rows]`, updated with the centre chosen last, and the potentials, `[restarts, trials, chunks]`.
pub fn kmeans_potential(
    step: KmeansPotential,
    chunk_rows: usize,
    [rows, weights, closest]: [&[f32]; 3],
    picks: &[u32],
) -> (Vec<f64>, Vec<f64>) {
    let KmeansPotential { shape, trials, step } = step;
    let [n, d, k, restarts] = [shape.rows, shape.columns, shape.clusters, shape.restarts].map(|size| size as usize);
    let (trials, chunks) = (trials as usize, n.div_ceil(chunk_rows));
    let distance = |i: usize, other: u32| squared_distance(&rows[i * d..(i + 1) * d], &rows[other as usize * d..][..d]);
    let mut closest_after = vec![f64::from(f32::MAX); restarts * n];
    let mut potentials = vec![0.0; restarts * trials * chunks];
    for r in 0..restarts {
        let candidates = (step > 0).then(|| &picks[(r * (k + 1) + step as usize - 1) * (trials + 1)..][..trials + 1]);
        for i in 0..n {
            if let (Some(candidates), true) = (candidates, step > 1) {
                closest_after[r * n + i] = f64::from(closest[r * n + i]).min(distance(i, candidates[0]));
            }
            for t in 0..trials {
                let part = candidates.map_or(1.0, |candidates| closest_after[r * n + i].min(distance(i, candidates[1 + t])));
                potentials[(r * trials + t) * chunks + i / chunk_rows] += f64::from(weights[i]) * part;
            }
        }
    }
    (closest_after, potentials)
}

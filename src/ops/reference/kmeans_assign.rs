//! label\[r, i\] = argmin_j |x_i − centre\[r, j\]|²

use crate::ops::{KmeansShape, RestartState, Ties};

/// Set in a label that differs from the label before.
pub const CHANGED: u32 = 0x8000_0000;

/// Where a hash puts a centre among the equals of a row.
fn rank(key: u32, center: usize) -> u32 {
    (key ^ (center as u32).wrapping_mul(0x9e37_79b9)).wrapping_mul(0xc2b2_ae35)
}

/// |a − b|²
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// Labels with their bit 31, and distances; both as they were for a restart that has finished, unless `finished_too`.
pub fn kmeans_assign(
    shape: KmeansShape,
    (ties, finished_too): (Ties, bool),
    [rows, centers]: [&[f32]; 2],
    keys: &[u32],
    states: &[RestartState],
    labels: &[u32],
    distances: &[f32],
) -> (Vec<f64>, Vec<f64>) {
    let [n, d, k] = [shape.rows, shape.columns, shape.clusters].map(|size| size as usize);
    let mut out = (Vec::new(), Vec::new());
    for (r, state) in states.iter().enumerate() {
        for i in 0..n {
            let at = r * n + i;
            if state.finished != 0 && !finished_too {
                out.0.push(f64::from(labels[at]));
                out.1.push(f64::from(distances[at]));
                continue;
            }
            let row = &rows[i * d..(i + 1) * d];
            let distance = |j: usize| squared_distance(row, &centers[(r * k + j) * d..(r * k + j + 1) * d]);
            let order = |a: &usize, b: &usize| {
                let tie = if ties == Ties::First { a.cmp(b) } else { rank(keys[i], *a).cmp(&rank(keys[i], *b)) };
                distance(*a).total_cmp(&distance(*b)).then(tie)
            };
            let nearest = (0..k).min_by(order).unwrap_or(0);
            let changed = state.iterations == 0 || labels[at] & !CHANGED != nearest as u32;
            out.0.push(f64::from(nearest as u32 | if changed { CHANGED } else { 0 }));
            out.1.push(distance(nearest));
        }
    }
    out
}

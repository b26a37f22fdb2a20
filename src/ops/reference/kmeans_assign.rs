//! Reference of `kmeans_assign`: labels\[r, i\] = argmin_j |x_i − centers\[r, j\]|².

use crate::ops::{KmeansShape, RestartState, Ties};

/// The bit that is set in a label if it differs from the previous one.
pub const CHANGED: u32 = 0x8000_0000;

/// Returns the rank of a centre among those that are equally near to a row with this key; the lowest rank wins.
fn rank(key: u32, center: usize) -> u32 {
    (key ^ (center as u32).wrapping_mul(0x9e37_79b9)).wrapping_mul(0xc2b2_ae35)
}

/// Returns |a − b|².
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

/// Returns the labels, with bit 31 set if they changed, and the squared distances, both `[restarts, rows]`. A finished restart
/// keeps its previous `labels` and `distances`, unless `finished_too` is set.
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

//! s = (b − a) / max(a, b), as scikit-learn's `silhouette_samples`; 0 for a row that is alone.

use crate::ops::SilhouetteSlice;

use super::row_distance::row_distance;

/// The silhouettes of every row, which occurs so many `times`; those outside the slice as they were `before`.
pub fn silhouette(shape: SilhouetteSlice, rows: &[f32], times: &[f32], starts: &[u32], before: &[f32]) -> Vec<f64> {
    let (n, d) = (shape.rows as usize, shape.columns as usize);
    let slice = shape.first_row as usize..shape.end_row as usize;
    let of_row = |i: usize| {
        if !slice.contains(&i) {
            return f64::from(before[i]);
        }
        let (mut within, mut nearest) = (None, f64::INFINITY);
        for cluster in starts.windows(2) {
            let members = cluster[0] as usize..cluster[1] as usize;
            let (mut sum, mut count) = (0.0, 0.0);
            for j in members.clone() {
                let times = f64::from(times[j]) - f64::from(u8::from(j == i));
                sum += times * row_distance(shape.metric, &rows[i * d..(i + 1) * d], &rows[j * d..(j + 1) * d]);
                count += times;
            }
            if members.contains(&i) {
                within = (count > 0.0).then(|| sum / count);
            } else {
                nearest = nearest.min(sum / count);
            }
        }
        match within {
            Some(within) if within.max(nearest) > 0.0 => (nearest - within) / within.max(nearest),
            _ => 0.0,
        }
    };
    (0..n).map(of_row).collect()
}

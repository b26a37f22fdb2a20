//! Reference of `silhouette`: s = (b − a) / max(a, b), as in scikit-learn's `silhouette_samples`, and 0 for a row that is alone
//! in its cluster. Here a is the row's mean distance to the other rows of its cluster, and b the smallest of its mean distances
//! to the rows of another cluster.

use crate::ops::SilhouetteSlice;

use super::row_distance::row_distance;

/// Returns the silhouette of every row, `[rows]`. Row i occurs `times[i]` times; `starts` has the first row of each cluster,
/// followed by the number of rows. Rows outside the slice keep the values of `before`.
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

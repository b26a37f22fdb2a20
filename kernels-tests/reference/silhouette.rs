//! s = (b − a) / max(a, b), as scikit-learn's `silhouette_samples`; 0 for a row that is alone.

use lineament::kernels::{Metric, SilhouetteSlice};

/// The distance between rows of which the cosine metric's have length 1; `zero` counts the zero rows among them by halves.
fn distance(metric: Metric, a: &[f32], b: &[f32], zero: f64) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b));
    match metric {
        Metric::Euclidean => differences.map(|x| x * x).sum::<f64>().sqrt(),
        Metric::Manhattan => differences.map(f64::abs).sum(),
        Metric::Cosine => differences.map(|x| x * x).sum::<f64>() / 2.0 + zero,
    }
}

/// The silhouettes of every row; those outside the slice as they were `before`.
pub fn silhouette(shape: SilhouetteSlice, rows: &[f32], traits: &[[f32; 2]], starts: &[u32], before: &[f32]) -> Vec<f64> {
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
                let times = f64::from(traits[j][0]) - f64::from(u8::from(j == i));
                let zero = f64::from(traits[i][1]) + f64::from(traits[j][1]);
                sum += times * distance(shape.metric, &rows[i * d..(i + 1) * d], &rows[j * d..(j + 1) * d], zero);
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

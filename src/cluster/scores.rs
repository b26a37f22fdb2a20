//! How good a clustering is, by the silhouettes that the paper and an honest reader want.

use super::{ClusterError, Metric, silhouette};
use crate::gpu::Gpu;

/// Euclidean silhouettes of one clustering; `None` where one is undefined: below two labels, or with as many as rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// Mean on the rows as they are; noise is one more cluster, as the paper's script has it.
    pub silhouette: Option<f64>,
    /// The same of each row, `[n]`, or empty.
    pub samples: Vec<f32>,
    /// Mean of the rows in clusters alone, where there is noise.
    pub without_noise: Option<f64>,
    /// Mean on the weighted rows, where there are weights.
    pub weighted: Option<f64>,
}

impl Scores {
    /// Judges `labels`, `[n]`, on `[n, d]` row-major values and, where the columns were weighted, on the weighted ones.
    ///
    /// # Errors
    /// As [`silhouette`], except that an undefined one is none.
    pub fn of(
        gpu: &Gpu,
        values: &[f32],
        weighted: Option<&[f32]>,
        [n, d]: [usize; 2],
        labels: &[i64],
    ) -> Result<Scores, ClusterError> {
        let judge = |values: &[f32], labels: &[i64]| match silhouette(gpu, values, labels.len(), d, labels, Metric::Euclidean) {
            Ok(found) => Ok(Some(found)),
            Err(ClusterError::SilhouetteLabels { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let mut scores = Scores::default();
        if let Some(plain) = judge(values, labels)? {
            scores.silhouette = Some(plain.mean);
            scores.samples = plain.samples;
        }
        if labels.len() == n && labels.contains(&-1) && labels.iter().any(|label| *label != -1) {
            let kept: Vec<usize> = (0..n).filter(|row| labels[*row] != -1).collect();
            let rows: Vec<f32> = kept.iter().flat_map(|row| &values[row * d..(row + 1) * d]).copied().collect();
            let labels: Vec<i64> = kept.iter().map(|row| labels[*row]).collect();
            scores.without_noise = judge(&rows, &labels)?.map(|found| found.mean);
        }
        if let Some(weighted) = weighted {
            scores.weighted = judge(weighted, labels)?.map(|found| found.mean);
        }
        Ok(scores)
    }
}

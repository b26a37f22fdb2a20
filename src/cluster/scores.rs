//! The silhouettes that are reported for a clustering: with noise, without noise, and on weighted columns.

use super::{ClusterError, CountedRows, Metric, silhouette, silhouette_without_noise};
use crate::profiles::Device;

/// Silhouettes of one clustering of `n` rows under the euclidean metric. A silhouette is `None` if it is undefined: with fewer
/// than two distinct labels, or with as many as rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// Mean silhouette on the unweighted columns. Noise counts as one more cluster, as in the paper's script.
    pub silhouette: Option<f64>,
    /// Silhouette of each row on the unweighted columns, shape `[n]`; empty if it is undefined.
    pub samples: Vec<f32>,
    /// Mean silhouette of the rows that are not noise, on the unweighted columns; `None` if there is no noise.
    pub without_noise: Option<f64>,
    /// Mean silhouette on the weighted columns; `None` if there are no weights.
    pub weighted: Option<f64>,
}

impl Scores {
    /// Computes the silhouettes of the labels of all original rows, shape `[n]`. `rows` are the unweighted rows; `weighted` are
    /// the same rows with weighted columns, if there are weights.
    ///
    /// # Errors
    /// Fails as [`silhouette()`] does, except that an undefined silhouette is `None`.
    pub fn of(
        device: &Device,
        rows: &CountedRows,
        weighted: Option<&CountedRows>,
        labels: &[i64],
    ) -> Result<Scores, ClusterError> {
        let judge = |rows: &CountedRows| match silhouette(device, rows, labels, Metric::Euclidean) {
            Ok(found) => Ok(Some(found)),
            Err(ClusterError::SilhouetteLabels { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let mut scores = Scores::default();
        if let Some(plain) = judge(rows)? {
            scores.silhouette = Some(plain.mean);
            scores.samples = plain.samples;
        }
        if labels.contains(&-1) {
            scores.without_noise = silhouette_without_noise(device, rows, labels, Metric::Euclidean)?;
        }
        scores.weighted = weighted.map(judge).transpose()?.flatten().map(|found| found.mean);
        Ok(scores)
    }
}

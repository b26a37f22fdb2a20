//! How good a clustering is, by the silhouettes that the paper and an honest reader want.

use super::{ClusterError, CountedRows, Metric, silhouette, silhouette_without_noise};
use crate::profiles::Device;

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
    /// Judges `labels`, `[n]`, on the `n` rows that `rows` stand for and, where the columns were weighted, on the weighted ones.
    ///
    /// # Errors
    /// As [`silhouette()`], except that an undefined one is none.
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

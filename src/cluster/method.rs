//! One way to call every method: settings and rows in, a label for each row out.

use super::{ClusterError, CountedRows, KMeans};
use crate::gpu::Gpu;

/// A method of clustering with its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// k-means++ and Lloyd's iterations.
    Kmeans(KMeans),
}

/// What a method found.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// Cluster of each of the rows held, in `0..k`; −1 is noise.
    pub labels: Vec<i64>,
    /// Number of clusters.
    pub k: usize,
    /// Σ of the squared distances of all rows to their centres, for methods that have centres.
    pub inertia: Option<f64>,
}

impl Method {
    /// The method as `lineament cluster --method` names it.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Kmeans(_) => "kmeans",
        }
    }

    /// Clusters rows, each counted as often as it occurs.
    ///
    /// # Errors
    /// As the method.
    pub fn cluster(&self, gpu: &Gpu, rows: &CountedRows) -> Result<Clustering, ClusterError> {
        match self {
            Method::Kmeans(settings) => {
                let fit = settings.fit_counted(gpu, rows)?;
                let labels = fit.labels.iter().map(|label| i64::from(*label)).collect();
                Ok(Clustering { labels, k: settings.k, inertia: Some(fit.inertia) })
            }
        }
    }
}

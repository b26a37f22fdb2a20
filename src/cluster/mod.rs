//! Grouping faces by their attributes on the GPU: k-means, and the silhouette that judges a grouping.

mod error;
mod kmeans;
mod kmeans_plan;
mod rows;
mod select;
mod silhouette;
#[cfg(test)]
mod tests;

pub use crate::kernels::Metric;
pub use error::ClusterError;
pub use kmeans::{KMeans, KMeansFit};
pub use select::{read_centers, select_columns};
pub use silhouette::{Silhouette, silhouette};

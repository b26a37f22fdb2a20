//! Grouping faces by their attributes on the GPU: k-means, the silhouette that judges a grouping, and the result as a file.

mod compare;
mod comparison;
mod counted_rows;
mod error;
mod kmeans;
mod kmeans_plan;
mod result;
mod rows;
mod select;
mod silhouette;
#[cfg(test)]
mod tests;

pub use crate::kernels::Metric;
pub use compare::{ComparedMethod, ComparedRows, ComparisonProgress, ComparisonSettings, compare};
pub use comparison::{Comparison, Curve, CurvePoint, Mark};
pub use counted_rows::CountedRows;
pub use error::ClusterError;
pub use kmeans::{KMeans, KMeansFit};
pub use result::{ClusterResult, ClusterResultError};
pub use select::{read_centers, select_columns};
pub use silhouette::{Silhouette, silhouette};

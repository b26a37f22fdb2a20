//! Grouping faces by their attributes on the GPU: k-means, the silhouette that judges a grouping, and the result as a file.

mod agglomerative;
mod birch;
mod comparison;
mod condensed;
mod counted_rows;
mod dbscan;
mod error;
mod kmeans;
mod kmeans_plan;
mod optics;
mod result;
mod rows;
mod select;
mod silhouette;
mod spectral;
#[cfg(test)]
mod tests;

pub use crate::kernels::Metric;
pub use agglomerative::{Linkage, Merge, Tree, agglomerate};
pub use birch::{Birch, BirchSettings};
pub use comparison::{Comparison, Curve, CurvePoint, Mark};
pub use condensed::CondensedDistances;
pub use counted_rows::CountedRows;
pub use dbscan::{Dbscan, dbscan};
pub use error::ClusterError;
pub use kmeans::{KMeans, KMeansFit};
pub use optics::{Optics, OpticsSettings, optics};
pub use result::{ClusterResult, ClusterResultError};
pub use select::{read_centers, select_columns};
pub use silhouette::{Silhouette, silhouette};
pub use spectral::Spectral;

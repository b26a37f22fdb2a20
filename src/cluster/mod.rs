//! Clusters faces by their attributes on the GPU: the clustering methods, the silhouette that scores a clustering, and the files
//! that hold the results.

mod agglomerative;
mod birch;
mod bit_rows;
mod compare;
mod comparison;
mod condensed;
mod counted_rows;
mod dbscan;
mod distance_rows;
mod error;
mod kmeans;
mod kmeans_plan;
mod kmeans_rows;
mod limits;
mod method;
mod optics;
mod pairwise;
mod principal_components;
mod result;
mod rows;
mod scores;
mod select;
mod silhouette;
mod spectral;
#[cfg(test)]
mod tests;
mod weights;

pub use crate::ops::Metric;
pub use agglomerative::{Linkage, Merge, Tree, agglomerate};
pub use birch::{Birch, BirchSettings};
pub use compare::{ComparedMethod, ComparedRows, ComparisonProgress, ComparisonSettings, compare};
pub use comparison::{Comparison, Curve, CurvePoint, Mark};
pub use condensed::CondensedDistances;
pub use counted_rows::CountedRows;
pub use dbscan::{Dbscan, dbscan};
pub use error::ClusterError;
pub use kmeans::{KMeans, KMeansFit};
pub use method::{Clustering, Method, Prepared};
pub use optics::{Optics, OpticsSettings, optics};
pub use pairwise::{Neighbours, condensed, neighbours};
pub use principal_components::{PrincipalComponents, principal_components};
pub use result::{ClusterResult, ClusterResultError};
pub use scores::Scores;
pub use select::{constant_columns, read_centers, select_columns};
pub use silhouette::{Silhouette, SilhouetteScorer, silhouette, silhouette_without_noise};
pub use spectral::Spectral;
pub use weights::{WeightRule, weighted};

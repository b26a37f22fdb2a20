//! `comparison.json`: the silhouette of every method over the number of clusters, which the paper draws as figure 5.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What `lineament compare` found for `n` faces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Faces.
    pub rows: usize,
    /// Distinct rows among them: on 0/1 rows the silhouette rises towards 1 at this k, whatever the method.
    pub distinct_rows: usize,
    /// Names of the attributes that the distance was computed on.
    pub select: Vec<String>,
    /// `none`, `rare`, `common` or the file of weights that the features were multiplied by; the silhouettes are of unweighted ones.
    pub weights: String,
    /// The methods that take a number of clusters, one curve each.
    pub curves: Vec<Curve>,
    /// The methods that find their own number of clusters.
    pub marks: Vec<Mark>,
    /// Wall-clock seconds by method.
    pub seconds: BTreeMap<String, f64>,
    /// Adapter that computed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Command line that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// One method over the number of clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Name of the method, as `lineament cluster --method` takes it.
    pub method: String,
    /// Its settings in words, such as `complete linkage, manhattan`.
    pub settings: String,
    /// Ascending by k.
    pub points: Vec<CurvePoint>,
}

/// The silhouette of one clustering of a [`Curve`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Clusters asked for.
    pub k: usize,
    /// Mean silhouette, euclidean, of the unweighted rows; `null` where it is undefined.
    pub silhouette: Option<f64>,
    /// The same on the weighted rows that were clustered; absent without weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silhouette_weighted: Option<f64>,
}

/// One method that finds its own number of clusters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Name of the method, as `lineament cluster --method` takes it.
    pub method: String,
    /// Its settings in words, such as `eps 0.5, 3 neighbours`.
    pub settings: String,
    /// Clusters found, without noise.
    pub k: usize,
    /// Faces in no cluster.
    pub noise: usize,
    /// Mean silhouette with noise as one more cluster, as scikit-learn and the original script take it.
    pub silhouette: Option<f64>,
    /// Mean silhouette of the faces in clusters.
    pub silhouette_without_noise: Option<f64>,
}

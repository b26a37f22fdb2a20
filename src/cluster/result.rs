//! `clusters.json`: the result of a clustering as a file that other programs can read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::DataError;
use crate::data::json::read_checked;

/// The result of one clustering of `n` faces, as `lineament cluster --json` prints it.
///
/// The first six fields are always present in the file; the others default when absent. Fields that this version does
/// not know are ignored, so that newer files stay readable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterResult {
    /// Name of the method, as `lineament cluster --method` takes it.
    pub method: String,
    /// Number of clusters; noise does not count as one.
    pub k: usize,
    /// Mean silhouette in [-1, 1] (Rousseeuw 1987); `null` where it is undefined, as with a single cluster.
    #[serde(deserialize_with = "Option::deserialize")]
    pub silhouette: Option<f64>,
    /// Sum of squared distances to the nearest centre; `null` for methods without centres.
    #[serde(deserialize_with = "Option::deserialize")]
    pub inertia: Option<f64>,
    /// Cluster of each face, shape `[n]`, in `0..k`; -1 is noise, as in scikit-learn.
    pub labels: Vec<i64>,
    /// Number of faces in each cluster, shape `[k]`.
    pub sizes: Vec<usize>,
    /// Names of the attributes by which the faces were clustered; empty means all.
    #[serde(default)]
    pub select: Vec<String>,
    /// Name of each face as in `attributes.csv`, shape `[n]`, or empty.
    #[serde(default)]
    pub images: Vec<String>,
    /// Silhouette of each face, shape `[n]`, or empty.
    #[serde(default)]
    pub silhouette_samples: Vec<f32>,
    /// Mean silhouette of the faces that are not noise, if there is noise; `silhouette` counts noise as one more cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silhouette_without_noise: Option<f64>,
    /// The weights that the attributes were multiplied by for clustering: `rare`, `common` or the path of a file. `silhouette` is
    /// computed on the unweighted attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Mean silhouette on the weighted attributes, if there are weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silhouette_weighted: Option<f64>,
    /// Number of distinct rows among the `n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct_rows: Option<usize>,
    /// Wall-clock time in seconds that each phase took, such as `read`, `start`, `cluster` or `silhouette`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seconds: BTreeMap<String, f64>,
    /// [Hash](crate::data::AttributeTable::sha256) of the table of attributes that was clustered, perhaps after rounding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes_sha256: Option<String>,
    /// Name of the adapter that computed the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Command line that computed the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The command that writes the file.
const COMMAND: &str = "lineament cluster";

/// Why the file of a clustering result or of a comparison was refused: it cannot be read, is not JSON of the expected form, or
/// contradicts itself.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ClusterResultError(#[from] pub DataError);

impl ClusterResult {
    /// Reads and checks `clusters.json`.
    ///
    /// # Errors
    /// [`ClusterResultError`] if the file cannot be read, is not JSON of this form, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, ClusterResultError> {
        Ok(read_checked(path, COMMAND, Self::check)?)
    }

    /// Checks that the fields agree with each other.
    ///
    /// # Errors
    /// Returns a message that names the field, what was expected and what was found.
    pub fn check(&self) -> Result<(), String> {
        if self.labels.is_empty() {
            return Err("`labels` is empty, expected one label for each face".into());
        }
        if self.sizes.len() != self.k {
            return Err(format!("`sizes` has {} entries, expected k = {}", self.sizes.len(), self.k));
        }
        if !self.images.is_empty() && self.images.len() != self.labels.len() {
            return Err(format!(
                "`images` has {} entries, expected one for each of the {} labels",
                self.images.len(),
                self.labels.len()
            ));
        }
        if !self.silhouette_samples.is_empty() && self.silhouette_samples.len() != self.labels.len() {
            return Err(format!(
                "`silhouette_samples` has {} entries, expected one for each of the {} labels",
                self.silhouette_samples.len(),
                self.labels.len()
            ));
        }
        let mut counted = vec![0usize; self.sizes.len()];
        for (row, &label) in self.labels.iter().enumerate() {
            match usize::try_from(label) {
                Ok(cluster) if cluster < self.k => counted[cluster] += 1,
                Err(_) if label == -1 => {}
                _ => {
                    return Err(format!(
                        "`labels`, entry {row}: expected -1 (noise) or a cluster below k = {}, found {label}",
                        self.k
                    ));
                }
            }
        }
        for (cluster, (&stated, &found)) in self.sizes.iter().zip(&counted).enumerate() {
            if stated != found {
                return Err(format!("`sizes`, entry {cluster}: says {stated} faces, but {found} labels name that cluster"));
            }
        }
        let samples = self.silhouette_samples.iter().map(|value| ("silhouette_samples", Some(f64::from(*value))));
        let silhouettes = [
            ("silhouette", self.silhouette),
            ("silhouette_without_noise", self.silhouette_without_noise),
            ("silhouette_weighted", self.silhouette_weighted),
        ];
        for (name, value) in silhouettes.into_iter().chain(samples) {
            // The values of single faces are computed in single precision.
            let rounding = if name == "silhouette_samples" { 1e-5 } else { 0.0 };
            if let Some(value) = value.filter(|value| value.is_nan() || value.abs() > 1.0 + rounding) {
                return Err(format!("`{name}`: expected a number in [-1, 1], found {value}"));
            }
        }
        match self.inertia {
            Some(value) if value < 0.0 => Err(format!("`inertia`: expected a number of at least 0, found {value}")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const GOOD: &str = r#"{"method":"kmeans","k":3,"silhouette":0.25,"inertia":4.5,"labels":[0,2,2,0],"sizes":[2,0,2]}"#;

    fn read(text: &str) -> Result<ClusterResult, ClusterResultError> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("a writable temporary file");
        ClusterResult::read(file.path())
    }

    #[test]
    fn a_file_with_the_six_required_fields_is_read_and_written_unchanged() {
        let result = read(GOOD).expect("a good file");
        assert_eq!(result.sizes, [2, 0, 2]);
        assert_eq!((result.select.len(), result.images.len(), result.adapter.as_deref()), (0, 0, None));
        let written = serde_json::to_string(&result).expect("a result that serialises");
        assert_eq!(read(&written).expect("what was written is read"), result);
    }

    #[test]
    fn noise_and_undefined_values_are_accepted() {
        let text = r#"{"method":"dbscan","k":1,"silhouette":null,"inertia":null,"labels":[0,-1],"sizes":[1]}"#;
        let result = read(text).expect("a good file");
        assert_eq!((result.silhouette, result.inertia), (None, None));
    }

    #[test]
    fn contradictions_are_refused_and_named() {
        let cases = [
            (GOOD.replace("[2,0,2]", "[2,2]"), "`sizes` has 2 entries, expected k = 3"),
            (GOOD.replace("[2,0,2]", "[1,1,2]"), "`sizes`, entry 0: says 1 faces, but 2 labels"),
            (GOOD.replace("[0,2,2,0]", "[0,2,3,0]"), "`labels`, entry 2: expected -1 (noise) or a cluster below k = 3"),
            (GOOD.replace("[0,2,2,0]", "[0,-2,2,0]"), "found -2"),
            (GOOD.replace("[0,2,2,0]", "[]"), "`labels` is empty"),
            (GOOD.replace("0.25", "1.5"), "`silhouette`: expected a number in [-1, 1], found 1.5"),
            (GOOD.replace("4.5", "-4.5"), "`inertia`"),
            (GOOD.replace(r#""k":3"#, r#""k":18446744073709551615"#), "`sizes` has 3 entries"),
            (GOOD.replace(r#""silhouette":0.25,"#, ""), "missing field `silhouette`"),
            (GOOD.replace(r#""inertia":4.5,"#, ""), "missing field `inertia`"),
            (GOOD.replace(r#""k":3"#, r#""k":3,"images":["a.jpg"]"#), "`images` has 1 entries"),
            (GOOD[..40].to_string(), "line 1 column"),
            (String::new(), "not a result of `lineament cluster`"),
        ];
        for (text, expected) in cases {
            let message = read(&text).expect_err(&text).to_string();
            assert!(message.contains(expected), "{text}: {message}");
            assert!(message.contains("lineament cluster"), "says what to do: {message}");
        }
    }
}

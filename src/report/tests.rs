//! Tests of whole reports.

use super::*;

/// An input with the given values, one slice a face, and labels; no face has a picture.
pub(super) fn input_of(values: &[&[f32]], labels: &[i64]) -> ReportInput {
    let k = labels.iter().max().map_or(0, |&label| (label + 1).max(0) as usize);
    let sizes = (0..k).map(|cluster| labels.iter().filter(|&&label| label == cluster as i64).count()).collect();
    ReportInput {
        title: "run".into(),
        images: (0..values.len())
            .map(|face| FaceSource { name: format!("face {face}.png"), file: Err("not there".into()) })
            .collect(),
        attributes: (0..values[0].len()).map(|attribute| format!("Attribute_{attribute}")).collect(),
        values: values.concat(),
        clusters: ClusterResult {
            method: "kmeans".into(),
            k,
            silhouette: Some(0.25),
            inertia: Some(1.5),
            labels: labels.to_vec(),
            sizes,
            select: Vec::new(),
            images: Vec::new(),
            adapter: None,
            command: None,
        },
        configuration: serde_json::Map::new(),
        history: Vec::new(),
    }
}

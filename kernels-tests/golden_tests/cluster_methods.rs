//! Compares agglomerative, density-based and spectral clustering with scikit-learn.
//!
//! Many pairs of the 0/1 rows in `x10` and `x37` have equal distances, and scikit-learn's own trees change with the order of the
//! rows. Only the distances of single linkage and the merges at distance 0 are unique. Of other trees, only the silhouette is
//! compared, with the range of silhouettes that scikit-learn gives for several orders of the rows.

use lineament::cluster::{
    CondensedDistances, CountedRows, Linkage, Metric, Spectral, agglomerate, condensed, dbscan, neighbours, silhouette,
};
use serde_json::Value;

use crate::golden_tests::cluster::{Data, Group, Outcome, Tensors, json, number};
use crate::golden_tests::data::numbers;
use crate::harness::outcome::{CheckResult, Verdict};

/// Bound of the absolute error of a merge's distance.
const DISTANCE: f64 = 1e-5;
/// Number of clusters in the labels of the agglomerative fixtures.
const K: usize = 16;

/// Runs a fixture if it is of one of these methods.
pub fn run(group: &Group, name: &str, params: &Value) -> Option<Outcome<Vec<CheckResult>>> {
    match name.split(['_', '.']).next()? {
        "agglomerative" if name.ends_with(".json") => Some(ties(group, name)),
        "agglomerative" => Some(agglomerative(group, name, params)),
        "dbscan" => Some(density(group, name, params)),
        "spectral" => Some(spectral(group, name)),
        _ => None,
    }
}

/// Returns the rows without merging equal ones.
fn rows(data: &Data) -> Outcome<CountedRows> {
    CountedRows::every(&data.values, data.rows, data.columns).map_err(|error| error.to_string())
}

fn distances(group: &Group, data: &Data, metric: Metric) -> Outcome<CondensedDistances> {
    condensed(group.device, &rows(data)?, metric).map_err(|error| error.to_string())
}

/// Reads data, linkage and metric from a name such as `x10_500_ward_euclidean`.
fn setting(group: &Group, stem: &str) -> Outcome<(Data, Linkage, Metric)> {
    let parts: Vec<&str> = stem.split('_').collect();
    let [set, rows, linkage, metric] = parts[..] else { return Err(format!("`{stem}` names no linkage and metric")) };
    let linkage = match linkage {
        "ward" => Linkage::Ward,
        "complete" => Linkage::Complete,
        "average" => Linkage::Average,
        "single" => Linkage::Single,
        other => return Err(format!("linkage {other} is not known")),
    };
    let metric = match metric {
        "euclidean" => Metric::Euclidean,
        "manhattan" | "l1" => Metric::Manhattan,
        "cosine" => Metric::Cosine,
        other => return Err(format!("metric {other} is not known")),
    };
    let mut data = group.data(&format!("{set}_{rows}"))?;
    if metric == Metric::Cosine {
        let kept = data.values.chunks_exact(data.columns).filter(|row| row.iter().any(|value| *value != 0.0));
        data.values = kept.flatten().copied().collect();
        data.rows = data.values.len() / data.columns;
    }
    Ok((data, linkage, metric))
}

/// Returns the labels with the clusters numbered in the order in which they occur.
fn renumbered(labels: impl Iterator<Item = i64>) -> Vec<f64> {
    let mut seen = Vec::new();
    let number = |label| {
        seen.iter().position(|other| *other == label).unwrap_or_else(|| {
            seen.push(label);
            seen.len() - 1
        }) as f64
    };
    labels.map(number).collect()
}

fn agglomerative(group: &Group, name: &str, params: &Value) -> Outcome<Vec<CheckResult>> {
    let tensors = Tensors::read(&group.folder.join(name))?;
    let stem = name.trim_start_matches("agglomerative_").trim_end_matches(".safetensors");
    let (data, linkage, metric) = setting(group, stem)?;
    let tree = agglomerate(linkage, distances(group, &data, metric)?, &vec![1; data.rows], &rows(&data)?.last_rows());
    let found: Vec<f64> = tree.merges.iter().map(|merge| merge.distance).collect();
    if let Ok(expected) = tensors.get("distances") {
        let labels = tree.cut(K).map_err(|error| error.to_string())?;
        let expected_labels = renumbered(tensors.get("labels")?.iter().map(|label| *label as i64));
        let score = silhouette(group.device, &rows(&data)?, &labels, Metric::Euclidean).map_err(|error| error.to_string())?;
        return Ok(vec![
            CheckResult::within(name, "distances", &found, expected, DISTANCE),
            CheckResult::within(name, "labels", &renumbered(labels.into_iter()), &expected_labels, 0.0),
            CheckResult::within(name, "silhouette", &[score.mean], &[number(params, "silhouette")?], DISTANCE),
        ]);
    }
    let expected = tensors.get("distances_sorted")?;
    if linkage == Linkage::Single {
        return Ok(vec![CheckResult::within(name, "distances_sorted", &found, expected, DISTANCE)]);
    }
    let at_zero = |distances: &[f64]| distances.iter().filter(|distance| **distance < DISTANCE).count() as f64;
    let skipped =
        Verdict::Skipped("some distances are equal, so labels and distances above 0 depend on the order of the rows".to_string());
    Ok(vec![
        CheckResult::within(name, "merges at distance 0", &[at_zero(&found)], &[at_zero(expected)], 0.0),
        CheckResult { part: "labels".to_string(), ..CheckResult::behaviour(name, "", skipped) },
    ])
}

/// Checks that the Euclidean silhouette of our tree lies in the range that scikit-learn gives for six orders of the rows, widened
/// on both sides by its width.
fn ties(group: &Group, name: &str) -> Outcome<Vec<CheckResult>> {
    let table = json(&group.folder.join(name))?;
    let mut results = Vec::new();
    for (stem, entry) in table.as_object().ok_or("it is not an object")? {
        let theirs = numbers(&entry["silhouette_of_6_row_orders"]);
        if theirs.is_empty() {
            let skipped = Verdict::Skipped("the fixture has no other orders of the rows".to_string());
            results.push(CheckResult { part: stem.clone(), ..CheckResult::behaviour(name, "", skipped) });
            continue;
        }
        let (data, linkage, metric) = setting(group, stem)?;
        let tree = agglomerate(linkage, distances(group, &data, metric)?, &vec![1; data.rows], &rows(&data)?.last_rows());
        let labels = tree.cut(K).map_err(|error| error.to_string())?;
        let ours = silhouette(group.device, &rows(&data)?, &labels, Metric::Euclidean).map_err(|error| error.to_string())?.mean;
        let lowest = theirs.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = theirs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = highest - lowest + DISTANCE;
        let within = ours >= lowest - range && ours <= highest + range;
        let reason = format!("{ours}, scikit-learn {lowest} to {highest}");
        let verdict = if within { Verdict::Passed } else { Verdict::Failed(reason) };
        let bound = format!("{:.4} to {:.4}", lowest - range, highest + range);
        results.push(CheckResult { part: stem.clone(), ..CheckResult::behaviour(name, &bound, verdict) });
    }
    Ok(results)
}

fn density(group: &Group, name: &str, params: &Value) -> Outcome<Vec<CheckResult>> {
    let tensors = Tensors::read(&group.folder.join(name))?;
    let stem = name.trim_start_matches("dbscan_");
    let data = group.data(stem.split_once("_eps").ok_or("the name has no eps")?.0)?;
    let radius = number(params, "eps")? as f32;
    let near = neighbours(group.device, &rows(&data)?, Metric::Euclidean, radius).map_err(|error| error.to_string())?;
    let found = dbscan(&near.counts, number(params, "min_samples")? as u32, &near.lists);
    let labels: Vec<f64> = found.labels.iter().map(|label| *label as f64).collect();
    let core: Vec<f64> = found.core.iter().map(|core| f64::from(u8::from(*core))).collect();
    Ok(vec![
        CheckResult::within(name, "labels", &labels, tensors.get("labels")?, 0.0),
        CheckResult::within(name, "core", &core, tensors.get("core")?, 0.0),
    ])
}

fn spectral(group: &Group, name: &str) -> Outcome<Vec<CheckResult>> {
    let tensors = Tensors::read(&group.folder.join(name))?;
    let data = group.data(name.trim_start_matches("spectral_").trim_end_matches(".safetensors"))?;
    let found = Spectral::new(&distances(group, &data, Metric::Euclidean)?, 1.0).map_err(|error| error.to_string())?;
    let expected = tensors.get("eigenvalues")?;
    let eigenvalues = found.eigenvalues.get(..expected.len()).unwrap_or(&found.eigenvalues);
    Ok(vec![
        CheckResult::within(name, "eigenvalues", eigenvalues, expected, DISTANCE),
        CheckResult::within(name, "degree", &found.degrees, tensors.get("degree")?, 1e-4),
    ])
}

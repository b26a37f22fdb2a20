//! The golden table of figure 5: K-means over every k, from the starts that scikit-learn's restarts drew.
//!
//! Restarts end in different optima, so that a K-means of other random numbers meets the table by chance alone. From the same
//! starts it must meet it, and on the weighted rows, where no two centres are equally near, it does. On rows of 0 and 1 many
//! are, and rounding decides: scikit-learn's own table moves with the processor it is computed on.

use lineament::cluster::{CountedRows, KMeans, KMeansFit, Metric, silhouette};
use serde_json::Value;

use crate::golden_tests::cluster::{Data, Group, Outcome, json, numbers};
use crate::harness::outcome::{CheckResult, Verdict};

/// Bound of the absolute error of a silhouette, as for labels that are given.
const SILHOUETTE: f64 = 1e-5;
/// How near two silhouettes of a figure are to be called the same.
const SAME: f64 = 0.01;

/// The curves of the weighted rows: silhouettes of the rows without and with their weights.
pub const WEIGHTED: [&str; 2] = ["weighted_rare_unweighted_silhouette", "weighted_rare_weighted_silhouette"];

const STARTS: &str = "figure5_kmeans_starts.json";
const SEEDS: &str = "figure5_kmeans_seeds.json";

/// Runs the table if it is this fixture.
pub fn run(group: &Group, name: &str) -> Option<Outcome<Vec<CheckResult>>> {
    (name == "figure5.json").then(|| table(group, name))
}

fn table(group: &Group, name: &str) -> Outcome<Vec<CheckResult>> {
    let table = json(&group.folder.join(name))?;
    let mut results = Vec::new();
    let skipped = |tensor: &str, reason: String| CheckResult {
        part: tensor.to_string(),
        ..CheckResult::behaviour(name, "", Verdict::Skipped(reason))
    };
    if group.folder.join(STARTS).is_file() {
        let starts = json(&group.folder.join(STARTS))?;
        for (tensor, found) in WEIGHTED.into_iter().zip(weighted_curves(group, &starts)?) {
            results.push(CheckResult::within(name, tensor, &found, &numbers(&table[tensor]), SILHOUETTE));
        }
    } else {
        results.extend(WEIGHTED.map(|tensor| skipped(tensor, format!("{STARTS} is not there"))));
    }
    let mut reason = "rows are equally near to centres".to_string();
    if group.folder.join(SEEDS).is_file() {
        reason += &moved(&json(&group.folder.join(SEEDS))?, &numbers(&table["kmeans"]));
    }
    results.push(skipped("kmeans", reason));
    Ok(results)
}

/// Mean silhouettes of the rows without and with weights, by k, of the best of the restarts.
fn weighted_curves(group: &Group, starts: &Value) -> Outcome<[Vec<f64>; 2]> {
    let (plain, weighted) = (group.data("x10_500")?, group.data("rare10_500")?);
    let by_k = starts["rare10_500"].as_array().ok_or("there are no starts of rare10_500")?;
    let mut curves = [Vec::new(), Vec::new()];
    for (k, restarts) in numbers(&starts["k"]).iter().zip(by_k) {
        let labels = best(group, &weighted, *k as usize, restarts)?.labels;
        let labels: Vec<i64> = labels.iter().map(|label| i64::from(*label)).collect();
        for (curve, data) in curves.iter_mut().zip([&plain, &weighted]) {
            let rows = CountedRows::distinct(&data.values, data.rows, data.columns);
            let found = rows.and_then(|rows| silhouette(group.device, &rows, &labels, Metric::Euclidean));
            curve.push(found.map_err(|error| error.to_string())?.mean);
        }
    }
    Ok(curves)
}

/// The restart that ends with the lowest inertia.
fn best(group: &Group, data: &Data, k: usize, restarts: &Value) -> Outcome<KMeansFit> {
    let mut best: Option<KMeansFit> = None;
    for drawn in restarts.as_array().into_iter().flatten() {
        let row = |row: f64| data.values.chunks_exact(data.columns).nth(row as usize);
        let initial: Vec<f32> = numbers(drawn).into_iter().filter_map(row).flatten().copied().collect();
        let settings = KMeans { k, n_init: 1, seed: 0, tolerance: 1e-4, iterations: 500, initial: Some(initial) };
        let fit = settings.fit(group.device, &data.values, data.rows, data.columns).map_err(|error| error.to_string())?;
        if best.as_ref().is_none_or(|best| fit.inertia < best.inertia) {
            best = Some(fit);
        }
    }
    best.ok_or_else(|| format!("k = {k}: there are no restarts"))
}

/// At how many k scikit-learn comes near its own table, in words.
fn moved(seeds: &Value, table: &[f64]) -> String {
    let near = |curve: Vec<f64>| curve.iter().zip(table).filter(|(one, other)| (*one - *other).abs() <= SAME).count();
    let processors = seeds["seed_0_by_processor"].as_object().into_iter().flatten();
    let counts = processors.map(|(processor, curve)| format!("{} on {processor}", near(numbers(curve))));
    format!(
        ": scikit-learn itself, of the same seed, comes within {SAME} of this table at {} of its {} k",
        counts.collect::<Vec<_>>().join(", "),
        table.len()
    )
}

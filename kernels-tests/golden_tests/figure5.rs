//! Compares k-means for every k of figure 5 with scikit-learn, from the initial centres that scikit-learn drew.
//!
//! Restarts end in different optima, so results from other random numbers would agree only by chance. From the same initial
//! centres they must agree on the weighted rows, where no two centres have the same distance to a row. On rows of 0 and 1, many
//! distances are equal and rounding decides. There scikit-learn's own results depend on the processor.

use lineament::cluster::{CountedRows, KMeans, KMeansFit, Metric, silhouette};
use serde_json::Value;

use crate::golden_tests::cluster::{Data, Group, Outcome, json};
use crate::golden_tests::data::numbers;
use crate::harness::outcome::{CheckResult, Verdict};

/// Bound of the absolute error of a silhouette.
const SILHOUETTE: f64 = 1e-5;
/// Two silhouettes of the figure are called equal if they differ by no more than this.
const SAME: f64 = 0.01;

/// The names of the two curves of the weighted rows: silhouettes of the rows without and with their weights.
pub const WEIGHTED: [&str; 2] = ["weighted_rare_unweighted_silhouette", "weighted_rare_weighted_silhouette"];

const STARTS: &str = "figure5_kmeans_starts.json";
const SEEDS: &str = "figure5_kmeans_seeds.json";

/// Compares the table if this is its fixture.
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
        results.extend(WEIGHTED.map(|tensor| skipped(tensor, format!("the file {STARTS} is missing"))));
    }
    let mut reason = "some rows have the same distance to several centres".to_string();
    if group.folder.join(SEEDS).is_file() {
        reason += &moved(&json(&group.folder.join(SEEDS))?, &numbers(&table["kmeans"]));
    }
    results.push(skipped("kmeans", reason));
    Ok(results)
}

/// Returns the mean silhouettes of the best restart for each k, of the rows without and with weights.
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

/// Returns the result of the restart with the lowest inertia.
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

/// Says for how many k scikit-learn reproduces its own table on other processors.
fn moved(seeds: &Value, table: &[f64]) -> String {
    let near = |curve: Vec<f64>| curve.iter().zip(table).filter(|(one, other)| (*one - *other).abs() <= SAME).count();
    let processors = seeds["seed_0_by_processor"].as_object().into_iter().flatten();
    let counts = processors.map(|(processor, curve)| format!("{} on {processor}", near(numbers(curve))));
    format!(
        ": with the same seed, scikit-learn itself comes within {SAME} of this table for {} of {} values of k",
        counts.collect::<Vec<_>>().join(", "),
        table.len()
    )
}

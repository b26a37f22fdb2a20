//! Golden fixtures of the methods that hang on the order of the rows: OPTICS and Birch.
//!
//! scikit-learn's OPTICS takes core distances from a tree and the other distances from a matrix product, so that a row which is
//! exactly as far as the core distance comes out some 1e-15 nearer or farther. Where that decides which row comes first
//! (twice among the 500 of `p37`), its own ordering of precomputed distances is another, and the one found here; the order within
//! such a run is left open. Birch's tree is unique. Its last step, Ward's linkage, meets centres of `x10` that are equally near,
//! and joins those that SciPy's does.

use lineament::cluster::{
    Birch, BirchSettings, CondensedDistances, CountedRows, Linkage, Metric, OpticsSettings, agglomerate, condensed, optics,
};
use serde_json::Value;

use crate::golden_tests::cluster::{Group, Outcome, Tensors, number};
use crate::harness::outcome::CheckResult;

/// Bound of the absolute error of a reachability, a core distance and a centre's coordinate.
const DISTANCE: f64 = 1e-5;
/// Reachabilities that differ by less differ by scikit-learn's rounding only.
const ROUNDING: f64 = 1e-13;

/// Runs a fixture if it is of one of these methods.
pub fn run(group: &Group, name: &str, params: &Value) -> Option<Outcome<Vec<CheckResult>>> {
    let (kind, rest) = name.trim_end_matches(".safetensors").split_once('_')?;
    match kind {
        "optics" => Some(order(group, name, rest)),
        "birch" => Some(birch(group, name, rest, params)),
        _ => None,
    }
}

fn distances(group: &Group, rows: &CountedRows, metric: Metric) -> Outcome<CondensedDistances> {
    condensed(group.device, rows, metric).map_err(|error| error.to_string())
}

fn rows(group: &Group, set: &str) -> Outcome<CountedRows> {
    let data = group.data(set)?;
    CountedRows::every(&data.values, data.rows, data.columns).map_err(|error| error.to_string())
}

fn widen<T: Copy + Into<f64>>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| (*value).into()).collect()
}

fn order(group: &Group, name: &str, rest: &str) -> Outcome<Vec<CheckResult>> {
    let tensors = Tensors::read(&group.folder.join(name))?;
    let (set, metric) = rest.rsplit_once('_').ok_or("the name tells no metric")?;
    let metric = if metric == "hamming" { Metric::Hamming } else { Metric::Euclidean };
    let rows = rows(group, set)?;
    let settings = OpticsSettings { min_samples: 5, xi: 0.05 };
    let found = optics(&distances(group, &rows, metric)?, settings).map_err(|error| error.to_string())?;
    let labels: Vec<f64> = found.labels.iter().map(|label| *label as f64).collect();
    let expected_reachability = tensors.get("reachability")?;
    let ordering = settled(&widen(&found.ordering), tensors.get("ordering")?, expected_reachability);
    // An infinite difference would be no number.
    let finite =
        |values: &[f64]| values.iter().map(|value| if value.is_infinite() { -1.0 } else { *value }).collect::<Vec<f64>>();
    let near = |tensor: &str, found: &[f64]| {
        Outcome::Ok(CheckResult::within(name, tensor, &finite(found), &finite(tensors.get(tensor)?), DISTANCE))
    };
    Ok(vec![
        CheckResult::within(name, "ordering", &ordering, tensors.get("ordering")?, 0.0),
        near("reachability", &found.reachability)?,
        near("core_distances", &found.core_distances)?,
        CheckResult::within(name, "labels", &labels, tensors.get("labels")?, 0.0),
    ])
}

/// The ordering found, in which a run of rows that the expected one tells apart by rounding only is put in the order expected if
/// it holds the same rows.
fn settled(found: &[f64], expected: &[f64], reachability: &[f64]) -> Vec<f64> {
    let reached = |place: usize| expected.get(place).map_or(f64::NAN, |row| reachability[*row as usize]);
    let mut settled = found.to_vec();
    let mut start = 0;
    for end in 1..=expected.len().min(found.len()) {
        if (reached(end) - reached(end - 1)).abs() < ROUNDING {
            continue;
        }
        // Rows equally near to the last digit come in their own order, lowest first, which is no matter of rounding.
        let by_rounding = (start + 1..end).any(|place| reached(place) != reached(place - 1));
        let sorted = |rows: &[f64]| {
            let mut rows = rows.to_vec();
            rows.sort_by(f64::total_cmp);
            rows
        };
        if by_rounding && sorted(&found[start..end]) == sorted(&expected[start..end]) {
            settled[start..end].copy_from_slice(&expected[start..end]);
        }
        start = end;
    }
    settled
}

fn birch(group: &Group, name: &str, set: &str, params: &Value) -> Outcome<Vec<CheckResult>> {
    let tensors = Tensors::read(&group.folder.join(name))?;
    let settings = BirchSettings { threshold: number(params, "threshold")?, branching_factor: 50 };
    let found = Birch::fit(&rows(group, set)?, settings).map_err(|error| error.to_string())?;
    let expected_labels = tensors.get("labels")?;
    // The label that scikit-learn gives to the first row of each row's subcluster: the same as the row's own if all is well.
    let first_of = |row: &u32| found.nearest.iter().position(|other| other == row).unwrap_or_default();
    let of_subcluster: Vec<f64> = found.nearest.iter().map(|row| expected_labels[first_of(row)]).collect();
    let mut results = vec![
        CheckResult::within(name, "subcluster_centers", &found.centers, tensors.get("subcluster_centers")?, DISTANCE),
        CheckResult::within(name, "labels within subclusters", &of_subcluster, expected_labels, 0.0),
    ];
    let centers = found.center_rows().map_err(|error| error.to_string())?;
    let tree = agglomerate(Linkage::Ward, distances(group, &centers, Metric::Euclidean)?, &centers.counts, &centers.last_rows());
    let labels = found.labels(&tree.cut(number(params, "k")? as usize).map_err(|error| error.to_string())?);
    let labels: Vec<f64> = labels.iter().map(|label| *label as f64).collect();
    results.push(CheckResult::within(name, "labels", &numbered_by_first(&labels), &numbered_by_first(expected_labels), 0.0));
    Ok(results)
}

/// The first row of each row's cluster, whatever the clusters' numbers.
fn numbered_by_first(labels: &[f64]) -> Vec<f64> {
    labels.iter().map(|label| labels.iter().position(|other| other == label).unwrap_or_default() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_order_of_rows_apart_by_rounding_is_left_open() {
        let reachability = [9.0, 0.5, 0.5 + 1e-15, 0.7, 0.7];
        let expected = [0.0, 1.0, 2.0, 3.0, 4.0];
        for (found, passes) in [
            ([0.0, 2.0, 1.0, 3.0, 4.0], true),
            ([0.0, 1.0, 2.0, 4.0, 3.0], false),
            ([1.0, 0.0, 2.0, 3.0, 4.0], false),
            ([0.0, 2.0, 2.0, 3.0, 4.0], false),
            ([0.0, 1.0, 3.0, 2.0, 4.0], false),
        ] {
            assert_eq!(settled(&found, &expected, &reachability) == expected, passes, "{found:?}");
        }
    }
}

//! Compares the methods that depend on the order of the rows, OPTICS and Birch, with scikit-learn.
//!
//! scikit-learn's OPTICS takes core distances from a tree and other distances from a matrix product. A row whose distance equals
//! the core distance gets a distance that differs by about 1e-15. Twice among the 500 rows of `p37`, this rounding decides which
//! row comes first. With precomputed distances, scikit-learn gives the same ordering as this library. The order within such a
//! run is therefore not compared. Birch's tree is unique. In its last step, Ward's linkage, some centres of `x10` have equal
//! distances, and ties are broken as in SciPy.

use lineament::cluster::{
    Birch, BirchSettings, CondensedDistances, CountedRows, Linkage, Metric, OpticsSettings, agglomerate, condensed, optics,
};
use serde_json::Value;

use crate::golden_tests::cluster::{Group, Outcome, Tensors, number};
use crate::harness::outcome::CheckResult;

/// Bound of the absolute error of a reachability, a core distance and a centre's coordinate.
const DISTANCE: f64 = 1e-5;
/// Reachabilities that differ by less than this differ only by the rounding of scikit-learn.
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
    let (set, metric) = rest.rsplit_once('_').ok_or("the name has no metric")?;
    let metric = if metric == "hamming" { Metric::Hamming } else { Metric::Euclidean };
    let rows = rows(group, set)?;
    let settings = OpticsSettings { min_samples: 5, xi: 0.05 };
    let found = optics(&distances(group, &rows, metric)?, settings).map_err(|error| error.to_string())?;
    let labels: Vec<f64> = found.labels.iter().map(|label| *label as f64).collect();
    let expected_reachability = tensors.get("reachability")?;
    let ordering = settled(&widen(&found.ordering), tensors.get("ordering")?, expected_reachability);
    // The difference of two infinities is NaN.
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

/// Returns the ordering that was found. A run of rows whose expected reachabilities differ only by rounding is replaced by the
/// expected run if both hold the same rows.
fn settled(found: &[f64], expected: &[f64], reachability: &[f64]) -> Vec<f64> {
    let reached = |place: usize| expected.get(place).map_or(f64::NAN, |row| reachability[*row as usize]);
    let mut settled = found.to_vec();
    let mut start = 0;
    for end in 1..=expected.len().min(found.len()) {
        if (reached(end) - reached(end - 1)).abs() < ROUNDING {
            continue;
        }
        // Rows with exactly equal reachabilities come in order of their indices. Rounding does not change that.
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
    // scikit-learn's label of the first row in the subcluster of each row. It must equal the label of the row.
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

/// Returns the first row of each row's cluster. It does not depend on how the clusters are numbered.
fn numbered_by_first(labels: &[f64]) -> Vec<f64> {
    labels.iter().map(|label| labels.iter().position(|other| other == label).unwrap_or_default() as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_order_of_rows_that_differ_by_rounding_is_ignored() {
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

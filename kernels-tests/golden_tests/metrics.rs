//! The `metrics` group: compares metrics of predictions with scikit-learn, in every special case, and with the ratios that the
//! paper's script computes.

use std::path::Path;

use lineament::evaluation::{AttributeMetrics, Metrics};
use serde_json::Value;

use crate::golden_tests::data::{Arrays, GoldenError, Manifest, json};
use crate::harness::outcome::{CheckResult, Verdict};

/// Bound of the absolute error of a metric.
const BOUND: f64 = 1e-9;

const PREDICTIONS: &str = "predictions.safetensors";

type Figure = fn(&AttributeMetrics) -> Option<f64>;

/// (name of a metric in the fixture, the metric, its largest error). Counts must be exact.
const FIGURES: [(&str, Figure, f64); 15] = [
    ("tn", |one| Some(one.true_negatives as f64), 0.0),
    ("fp", |one| Some(one.false_positives as f64), 0.0),
    ("fn", |one| Some(one.false_negatives as f64), 0.0),
    ("tp", |one| Some(one.true_positives as f64), 0.0),
    ("accuracy", |one| Some(one.accuracy), BOUND),
    ("mis_prediction_ratio", |one| Some(one.mis_prediction_ratio), BOUND),
    ("mis_prediction_over_predicted_positives", |one| one.mistakes_a_positive_prediction, BOUND),
    ("balanced_accuracy", |one| one.balanced_accuracy, BOUND),
    ("precision", |one| Some(one.precision), BOUND),
    ("recall", |one| Some(one.recall), BOUND),
    ("f1", |one| Some(one.f1), BOUND),
    ("matthews", |one| Some(one.matthews), BOUND),
    ("roc_auc", |one| one.roc_auc, BOUND),
    ("average_precision", |one| one.average_precision, BOUND),
    ("brier", |one| one.brier, BOUND),
];

/// Runs every fixture of the group. A fixture that cannot be read is a failure.
pub fn run(folder: &Path, manifest: &Manifest) -> Vec<CheckResult> {
    compare(folder, manifest)
        .unwrap_or_else(|error| vec![CheckResult::behaviour("manifest.json", "readable", Verdict::Failed(error.to_string()))])
}

fn compare(folder: &Path, manifest: &Manifest) -> Result<Vec<CheckResult>, GoldenError> {
    let entry = manifest.files.get(PREDICTIONS).ok_or_else(|| GoldenError::unusable(PREDICTIONS, "files"))?;
    let arrays = Arrays::read(&folder.join(PREDICTIONS), entry)?;
    let (labels, scores) = (arrays.get("labels")?, arrays.get("scores")?);
    let rows = json(&folder.join("per_attribute.json"))?;
    let rows = rows.as_array().ok_or_else(|| GoldenError::unusable("per_attribute.json", "rows"))?;
    let names: Vec<String> = rows.iter().map(|row| row["attribute"].as_str().unwrap_or_default().to_string()).collect();
    let fits = |shape: &[usize]| shape.len() == 2 && shape[1] == names.len();
    if names.is_empty() || !fits(&labels.shape) || labels.shape != scores.shape {
        return Err(GoldenError::unusable(PREDICTIONS, "[images, attributes] of labels and scores"));
    }
    let probabilities: Vec<f32> = scores.values.iter().map(|value| *value as f32).collect();
    let metrics = Metrics::new(&names, &probabilities, &labels.values.iter().map(|value| *value as u8).collect::<Vec<_>>());

    let mut results: Vec<CheckResult> = FIGURES
        .iter()
        .map(|(name, figure, bound)| {
            let found = metrics.attributes.iter().map(figure).collect::<Vec<_>>();
            optional("per_attribute.json", name, &found, &rows.iter().map(|row| &row[*name]).collect::<Vec<_>>(), *bound)
        })
        .collect();
    let binary: Vec<f64> = probabilities.iter().map(|value| f64::from(value.round_ties_even())).collect();
    results.push(CheckResult::within(PREDICTIONS, "binary", &binary, &arrays.get("binary")?.values, 0.0));
    results.extend(overall(&metrics, &json(&folder.join("overall.json"))?));
    results.extend(original(&metrics, &json(&folder.join("original_script.json"))?));
    Ok(results)
}

fn overall(metrics: &Metrics, expected: &Value) -> Vec<CheckResult> {
    const FILE: &str = "overall.json";
    let means = &metrics.means;
    let figures = [
        ("binary_accuracy", Some(means.accuracy)),
        ("average_hamming_distance", Some(metrics.average_hamming_distance)),
        ("hamming_loss", Some(means.mis_prediction_ratio)),
        ("exact_match", Some(metrics.exact_match)),
        ("macro_f1", Some(means.f1)),
        ("micro_f1", Some(metrics.micro_f1)),
        ("macro_roc_auc_defined", means.roc_auc),
        ("mean_average_precision_defined", means.average_precision),
    ];
    let mut results: Vec<CheckResult> =
        figures.iter().map(|(name, found)| optional(FILE, name, &[*found], &[&expected[*name]], BOUND)).collect();
    let name = "hamming_distance_histogram";
    let found: Vec<Option<f64>> = metrics.hamming_distances.iter().map(|count| Some(*count as f64)).collect();
    results.push(optional(FILE, name, &found, &elements(&expected[name]), 0.0));
    results
}

/// Compares the two ratios of the script, with its rounding. The script divides by zero if an attribute is never predicted.
fn original(metrics: &Metrics, expected: &Value) -> Vec<CheckResult> {
    let hundredths = |ratio: f64| (ratio * 100.0).round_ties_even() / 100.0;
    let ratios: [(&str, Figure); 2] =
        [("mistakes", |one| Some(one.mis_prediction_ratio)), ("mistakes2", |one| one.mistakes_a_positive_prediction)];
    let compare = |(name, ratio): (&str, Figure)| {
        let found: Vec<Option<f64>> = metrics.attributes.iter().map(|one| ratio(one).map(hundredths)).collect();
        optional("original_script.json", name, &found, &elements(&expected[name]), 0.0)
    };
    ratios.map(compare).into_iter().collect()
}

/// Compares metrics that may be undefined. In the fixtures, an undefined one is `null`, or "Infinity" after a division by zero.
fn optional(file: &str, name: &str, found: &[Option<f64>], expected: &[&Value], bound: f64) -> CheckResult {
    let missing = |value: &&Value| value.is_null() || value.as_str() == Some("Infinity");
    let disagree = found.len() != expected.len()
        || found.iter().zip(expected).any(|(found, expected)| found.is_none() != missing(expected) || malformed(expected));
    if disagree {
        let reason = format!("found {found:?} where {expected:?} is expected");
        let behaviour = CheckResult::behaviour(file, "undefined in the same places", Verdict::Failed(reason));
        return CheckResult { part: name.to_string(), ..behaviour };
    }
    let found: Vec<f64> = found.iter().copied().flatten().collect();
    let expected: Vec<f64> = expected.iter().filter_map(|value| value.as_f64()).collect();
    CheckResult::within(file, name, &found, &expected, bound)
}

/// Returns whether a value is neither a number nor a sign of an undefined one.
fn malformed(value: &Value) -> bool {
    !(value.is_null() || value.is_number() || value.as_str() == Some("Infinity"))
}

fn elements(list: &Value) -> Vec<&Value> {
    list.as_array().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/metrics")
    }

    fn failures(folder: &Path) -> Vec<String> {
        let results = run(folder, &Manifest::read(folder).unwrap());
        assert!(results.len() == 27 || results.len() == 1, "{}", results.len());
        let failed = results.into_iter().filter(|result| result.verdict != Verdict::Passed);
        failed.map(|result| format!("{} {}", result.subject, result.part)).collect()
    }

    #[test]
    fn the_shipped_fixtures_hold_and_a_changed_one_does_not() {
        assert_eq!(failures(&group()), Vec::<String>::new());
        let changes = [
            ("per_attribute.json", "\"tn\": 846", "\"tn\": 847", "per_attribute.json tn"),
            ("per_attribute.json", "0.9053486446309026", "0.9053486546309026", "per_attribute.json roc_auc"),
            ("overall.json", "6.288", "6.288001", "overall.json average_hamming_distance"),
            ("original_script.json", "\"Infinity\"", "1.0", "original_script.json mistakes2"),
            ("original_script.json", "\"mistakes\"", "\"nothing\"", "original_script.json mistakes"),
        ];
        for (file, from, to, failing) in changes {
            let folder = tempfile::tempdir().unwrap();
            for entry in std::fs::read_dir(group()).unwrap() {
                let path = entry.unwrap().path();
                std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
            let text = std::fs::read_to_string(group().join(file)).unwrap();
            assert!(text.contains(from), "{file} has no {from}");
            std::fs::write(folder.path().join(file), text.replacen(from, to, 1)).unwrap();
            assert_eq!(failures(folder.path()), [failing]);
        }
    }
}

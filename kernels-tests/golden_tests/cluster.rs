//! The `cluster` group: compares k-means and silhouettes with scikit-learn.
//!
//! The parameters in the manifest name the data of a fixture. `x10_500` is the first 500 rows of the ten chosen columns of `x37`.
//! Names with `p` mean the continuous predictions. Names with `rare` and `common` mean the chosen columns times their weights.

use std::collections::BTreeMap;
use std::path::Path;

use lineament::cluster::{ClusterError, CountedRows, KMeans, KMeansFit, Metric, silhouette};
use lineament::profiles::Device;
use safetensors::SafeTensors;
use serde_json::Value;

use super::data::{self, numbers};
use super::{cluster_methods, cluster_orders, figure5};
use crate::harness::outcome::{CheckResult, Verdict};

/// Bound of the relative error of an inertia.
const INERTIA: f64 = 1e-5;
/// The file with results of scikit-learn for more seeds than `kmeans_best.json` has.
const MORE_SEEDS: &str = "kmeans_best_seeds.json";
/// The number of seeds of this library that are compared with them.
const OUR_SEEDS: u64 = 9;
/// Bound of the absolute error of a silhouette.
const SILHOUETTE: f64 = 1e-5;
/// Bound of the absolute error of a centre's coordinate.
const CENTER: f64 = 1e-5;

pub(crate) type Outcome<T> = Result<T, String>;

/// Runs every fixture of the folder's manifest. A fixture that cannot be read is a failure.
pub fn run(device: &Device, folder: &Path) -> Vec<CheckResult> {
    let files = match manifest(folder) {
        Ok(files) => files,
        Err(problem) => return vec![CheckResult::behaviour("manifest.json", "readable", Verdict::Failed(problem))],
    };
    let group = Group { device, folder };
    // The other fixtures refer to the data.
    let fixtures = files.iter().filter(|(name, _)| *name != "data.safetensors");
    fixtures
        .flat_map(|(name, entry)| {
            let failed = |problem| vec![CheckResult::behaviour(name, "runs", Verdict::Failed(problem))];
            group.run(name, &entry["params"]).unwrap_or_else(failed)
        })
        .collect()
}

fn manifest(folder: &Path) -> Outcome<BTreeMap<String, Value>> {
    let manifest = json(&folder.join("manifest.json"))?;
    let files = manifest["files"].as_object().ok_or("manifest.json has no object `files`")?;
    Ok(files.iter().map(|(name, entry)| (name.clone(), entry.clone())).collect())
}

pub(crate) fn json(path: &Path) -> Outcome<Value> {
    data::json(path).map_err(|error| error.to_string())
}

pub(crate) fn number(value: &Value, name: &str) -> Outcome<f64> {
    value[name].as_f64().ok_or_else(|| format!("the manifest gives no number `{name}`"))
}

/// The tensors of a file in f64, with their shapes.
pub(crate) struct Tensors(BTreeMap<String, (Vec<usize>, Vec<f64>)>);

impl Tensors {
    pub(crate) fn read(path: &Path) -> Outcome<Tensors> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        let widen = |(name, view): (String, safetensors::tensor::TensorView)| {
            let values = data::decoded(view.dtype(), view.data());
            let values = values.ok_or_else(|| format!("tensor {name} is of type {:?}", view.dtype()))?;
            Ok((name, (view.shape().to_vec(), values)))
        };
        file.tensors().into_iter().map(widen).collect::<Outcome<_>>().map(Tensors)
    }

    pub(crate) fn get(&self, name: &str) -> Outcome<&[f64]> {
        self.0.get(name).map(|(_, values)| values.as_slice()).ok_or_else(|| format!("there is no tensor {name}"))
    }

    fn columns(&self, name: &str) -> Outcome<usize> {
        self.0.get(name).and_then(|(shape, _)| shape.last().copied()).ok_or_else(|| format!("there is no tensor {name}"))
    }
}

/// The range of some numbers.
struct Range {
    lowest: f64,
    median: f64,
    highest: f64,
}

impl Range {
    fn of(values: &[f64]) -> Range {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        Range { lowest: at(0), median: at(sorted.len() / 2), highest: at(sorted.len().saturating_sub(1)) }
    }
}

/// A data set, `[rows, columns]`, row-major.
pub(crate) struct Data {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) values: Vec<f32>,
}

pub(crate) struct Group<'a> {
    pub(crate) device: &'a Device,
    pub(crate) folder: &'a Path,
}

impl Group<'_> {
    fn run(&self, name: &str, params: &Value) -> Outcome<Vec<CheckResult>> {
        match name.split(['_', '.']).next().unwrap_or(name) {
            "kmeans" if name.ends_with(".json") => self.best(name),
            "kmeans" => self.kmeans(name, params),
            "silhouette" if name.contains("errors") => self.silhouette_errors(name),
            "silhouette" if name.ends_with(".json") => self.silhouette_of_listed_rows(name),
            "silhouette" => self.silhouette(name, params),
            kind => cluster_methods::run(self, name, params)
                .or_else(|| cluster_orders::run(self, name, params))
                .or_else(|| figure5::run(self, name))
                .unwrap_or_else(|| {
                    let reason = if kind == "ties" { "the file holds nothing to compare" } else { "no test reads this file" };
                    let skipped = CheckResult::behaviour(name, "", Verdict::Skipped(reason.to_string()));
                    Ok(vec![CheckResult { part: "all".to_string(), ..skipped }])
                }),
        }
    }

    pub(crate) fn data(&self, name: &str) -> Outcome<Data> {
        let unknown = || format!("data set `{name}` is not of the form x10_500");
        let (set, rows) = name.rsplit_once('_').ok_or_else(unknown)?;
        let kind = set.trim_end_matches(|c: char| c.is_ascii_digit());
        let rows: usize = rows.parse().map_err(|_| unknown())?;
        let columns: usize = set[kind.len()..].parse().map_err(|_| unknown())?;
        let tensors = Tensors::read(&self.folder.join("data.safetensors"))?;
        let source = if kind == "p" { "p37" } else { "x37" };
        let (all, width) = (tensors.get(source)?, tensors.columns(source)?);
        let chosen: Vec<usize> = if columns == width {
            (0..width).collect()
        } else {
            tensors.get("chosen_index")?.iter().map(|index| *index as usize).collect()
        };
        let weights = match kind {
            "rare" | "common" => tensors.get(&format!("{kind}_weights"))?.to_vec(),
            "x" | "p" => vec![1.0; width],
            _ => return Err(unknown()),
        };
        if chosen.len() != columns || rows * width > all.len() || chosen.iter().any(|column| *column >= width) {
            return Err(format!("data set `{name}` does not fit data.safetensors"));
        }
        let rows_of = all.chunks_exact(width).take(rows);
        let values = rows_of.flat_map(|row| chosen.iter().map(|column| (row[*column] * weights[*column]) as f32));
        Ok(Data { rows, columns, values: values.collect() })
    }

    /// Compares k-means from given centres, for every tolerance for which the fixture has labels.
    fn kmeans(&self, name: &str, params: &Value) -> Outcome<Vec<CheckResult>> {
        let tensors = Tensors::read(&self.folder.join(name))?;
        let data = self.data(params["data"].as_str().ok_or("the manifest names no data")?)?;
        let mut results = Vec::new();
        for suffix in tensors.0.keys().filter_map(|tensor| tensor.strip_prefix("labels")) {
            let tolerance = suffix.strip_prefix("_tol").map_or(Ok(0.0), str::parse).map_err(|error| format!("{error}"))?;
            let settings = KMeans {
                k: number(params, "k")? as usize,
                n_init: 1,
                seed: 0,
                tolerance,
                iterations: 300,
                initial: Some(tensors.get("init")?.iter().map(|value| *value as f32).collect()),
            };
            let fit = self.fit(&settings, &data)?;
            let labels: Vec<f64> = fit.labels.iter().map(|label| f64::from(*label)).collect();
            let centers: Vec<f64> = fit.centers.iter().map(|value| f64::from(*value)).collect();
            let expected = |tensor: &str| tensors.get(&format!("{tensor}{suffix}"));
            let inertia = number(params, &format!("inertia{suffix}"))?;
            let iterations = number(params, &format!("n_iter{suffix}"))?;
            let check = |tensor: &str, found: &[f64], expected: &[f64], bound| {
                CheckResult::within(name, &format!("{tensor}{suffix}"), found, expected, bound)
            };
            results.push(check("labels", &labels, expected("labels")?, 0.0));
            results.push(check("centers", &centers, expected("centers")?, CENTER));
            results.push(check("inertia", &[fit.inertia], &[inertia], INERTIA * inertia));
            results.push(check("n_iter", &[f64::from(fit.iterations)], &[iterations], 0.0));
        }
        Ok(results)
    }

    fn fit(&self, settings: &KMeans, data: &Data) -> Outcome<KMeansFit> {
        settings.fit(self.device, &data.values, data.rows, data.columns).map_err(|error| error.to_string())
    }

    /// Compares the inertia of k-means++ with restarts, for nine seeds, with scikit-learn's for twenty seeds: the five of the
    /// fixture and those that `tools/golden/gen_kmeans_best_seeds.py` adds. The median of ours must not be above their highest,
    /// and our lowest must not be above their median. If both come from the same distribution, the first condition fails by
    /// chance once in a thousand times, and the second once in two hundred times.
    fn best(&self, name: &str) -> Outcome<Vec<CheckResult>> {
        let table = json(&self.folder.join(name))?;
        let sets = table.as_object().ok_or("it is not an object")?;
        if !self.folder.join(MORE_SEEDS).is_file() {
            let skipped = CheckResult::behaviour(name, "", Verdict::Skipped(format!("the file {MORE_SEEDS} is missing")));
            return Ok(vec![CheckResult { part: "all".to_string(), ..skipped }]);
        }
        let more = json(&self.folder.join(MORE_SEEDS))?;
        let mut results = Vec::new();
        for (set, by_k) in sets {
            let data = self.data(set)?;
            for (k, runs) in by_k.as_object().into_iter().flatten() {
                let k_number = k.trim_start_matches('k').parse().map_err(|_| format!("`{k}` is not a number of clusters"))?;
                let (key, seeds) = runs
                    .as_object()
                    .and_then(|runs| runs.iter().find(|(key, _)| key.ends_with("_seeds")))
                    .ok_or_else(|| format!("{set} {k} lists no seeds"))?;
                let n_init = key.trim_start_matches("inertia_n_init_").split('_').next().and_then(|text| text.parse().ok());
                let n_init = n_init.ok_or_else(|| format!("`{key}` names no number of restarts"))?;
                let others = numbers(&more["inertia"][set.as_str()][k.as_str()]);
                if numbers(seeds).is_empty() || others.is_empty() {
                    return Err(format!("{set} {k} lists no inertia"));
                }
                let theirs = Range::of(&[numbers(seeds), others].concat());
                let settings = |seed| KMeans { k: k_number, n_init, seed, tolerance: 1e-4, iterations: 500, initial: None };
                let inertia = |seed| Ok(self.fit(&settings(seed), &data)?.inertia);
                let ours = Range::of(&(0..OUR_SEEDS).map(inertia).collect::<Outcome<Vec<f64>>>()?);
                let above = (ours.median - theirs.highest).max(ours.lowest - theirs.median).max(0.0);
                let words = |range: &Range| format!("{} to {}, median {}", range.lowest, range.highest, range.median);
                let reason = format!("{}; scikit-learn {}", words(&ours), words(&theirs));
                results.push(CheckResult {
                    subject: name.to_string(),
                    part: format!("{set} {k}"),
                    nmse: (above / theirs.highest).powi(2),
                    max_abs: above,
                    note: format!("median ≤ {:.4}, best ≤ {:.4}", theirs.highest, theirs.median),
                    verdict: if above <= INERTIA * theirs.highest { Verdict::Passed } else { Verdict::Failed(reason) },
                    outputs: Vec::new(),
                });
            }
        }
        Ok(results)
    }

    fn silhouette(&self, name: &str, params: &Value) -> Outcome<Vec<CheckResult>> {
        let tensors = Tensors::read(&self.folder.join(name))?;
        let stem = name.trim_end_matches(".safetensors").trim_start_matches("silhouette_");
        let data = self.data(params["data"].as_str().unwrap_or(stem))?;
        let metric = match params["metric"].as_str().unwrap_or("euclidean") {
            "euclidean" => Metric::Euclidean,
            "manhattan" => Metric::Manhattan,
            "cosine" => Metric::Cosine,
            other => return Err(format!("metric {other} is not known")),
        };
        let score = [number(params, "score")?];
        self.compare_silhouette(name, &data, tensors.get("labels")?, metric, tensors.get("silhouette")?, &score)
    }

    fn silhouette_of_listed_rows(&self, name: &str) -> Outcome<Vec<CheckResult>> {
        let fixture = json(&self.folder.join(name))?;
        let metric = if name.contains("cosine") { Metric::Cosine } else { Metric::Euclidean };
        let samples = numbers(&fixture["samples"]);
        let score = [samples.iter().sum::<f64>() / samples.len() as f64];
        self.compare_silhouette(name, &listed(&fixture), &numbers(&fixture["labels"]), metric, &samples, &score)
    }

    fn compare_silhouette(
        &self,
        name: &str,
        data: &Data,
        labels: &[f64],
        metric: Metric,
        samples: &[f64],
        score: &[f64],
    ) -> Outcome<Vec<CheckResult>> {
        let labels: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
        let rows = CountedRows::distinct(&data.values, data.rows, data.columns);
        let found = rows.and_then(|rows| silhouette(self.device, &rows, &labels, metric));
        let found = found.map_err(|error| error.to_string())?;
        let found_samples: Vec<f64> = found.samples.iter().map(|value| f64::from(*value)).collect();
        Ok(vec![
            CheckResult::within(name, "samples", &found_samples, samples, SILHOUETTE),
            CheckResult::within(name, "score", &[found.mean], score, SILHOUETTE),
        ])
    }

    /// Checks that numbers of labels which scikit-learn rejects are errors here too.
    fn silhouette_errors(&self, name: &str) -> Outcome<Vec<CheckResult>> {
        let fixture = json(&self.folder.join(name))?;
        let data = listed(&json(&self.folder.join("silhouette_cosine_zero_rows.json"))?);
        let mut results = Vec::new();
        for (case, message) in fixture.as_object().into_iter().flatten() {
            let words = message.as_str().unwrap_or_default();
            let count = words.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse::<usize>().ok());
            let count = count.ok_or_else(|| format!("{case}: `{words}` names no number of labels"))?;
            let labels: Vec<i64> = (0..data.rows).map(|row| (row % count) as i64).collect();
            let rows = CountedRows::distinct(&data.values, data.rows, data.columns);
            let found = rows.and_then(|rows| silhouette(self.device, &rows, &labels, Metric::Euclidean));
            let verdict = match found {
                Err(ClusterError::SilhouetteLabels { labels, rows }) if labels == count && rows == data.rows => Verdict::Passed,
                Err(error) => Verdict::Failed(format!("rejected for another reason: {error}")),
                Ok(_) => Verdict::Failed("accepted".to_string()),
            };
            let behaviour = CheckResult::behaviour(name, "rejected", verdict);
            results.push(CheckResult { part: case.clone(), ..behaviour });
        }
        Ok(results)
    }
}

/// Reads the rows `x` of a JSON fixture.
fn listed(fixture: &Value) -> Data {
    let rows = fixture["x"].as_array().map_or(0, Vec::len);
    let values: Vec<f32> = numbers(&fixture["x"]).iter().map(|value| *value as f32).collect();
    Data { rows, columns: values.len().checked_div(rows).unwrap_or(0), values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_fixtures_hold() {
        let Some(device) = crate::harness::requirements::device() else { return };
        let results = run(&device, &Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/cluster"));
        let mut failures = Vec::new();
        for result in &results {
            if let Verdict::Failed(reason) = &result.verdict {
                failures.push(format!("{} {}: {reason}", result.subject, result.part));
            }
        }
        let passed = results.iter().filter(|result| result.verdict == Verdict::Passed).count();
        assert!(failures.is_empty() && passed > 100, "{passed} passed\n{}", failures.join("\n"));
        for curve in figure5::WEIGHTED {
            let held = results.iter().any(|result| result.part == curve && result.verdict == Verdict::Passed);
            assert!(held, "{curve} was not compared");
        }
    }
}

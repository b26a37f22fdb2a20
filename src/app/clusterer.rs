//! Clusters images by their attributes, and compares clustering methods.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use super::run_folder::{write_file, write_json};
use crate::cluster::{
    ClusterError, ClusterResult, ComparedMethod, ComparedRows, Comparison, ComparisonProgress, ComparisonSettings, CountedRows,
    Method, Scores, WeightRule, compare, constant_columns, select_columns, weighted,
};
use crate::data::AttributeTable;
use crate::profiles::Device;
use crate::report::figure_five_svg;

/// Selects and weights the columns of a table before clustering.
#[derive(Debug, Clone)]
pub struct RowOptions {
    /// Names of the columns; an empty list takes all. `paper-ten` and `paper-37` stand for the paper's selections.
    pub select: Vec<String>,
    /// The rule that weights the columns, if they are weighted.
    pub weights: Option<WeightRule>,
    /// Whether equal rows are merged and counted. This is faster and gives the same clusters.
    pub compress: bool,
}

impl Default for RowOptions {
    fn default() -> RowOptions {
        RowOptions { select: Vec::new(), weights: None, compress: true }
    }
}

/// The rows to cluster.
#[derive(Debug, Clone)]
pub struct ClusterRows {
    /// Name of each image, shape `[n]`.
    pub images: Vec<String>,
    /// Name of each column, shape `[d]`.
    pub columns: Vec<String>,
    /// `columns` if they were selected; empty if all columns of the table are used.
    pub select: Vec<String>,
    /// Values, shape `[n, d]`, row-major.
    pub values: Vec<f32>,
    /// The column weights, if there are any.
    pub weights: Option<RowWeights>,
    /// Whether equal rows are merged and counted.
    pub compress: bool,
    /// [Hash](AttributeTable::sha256) of the table that the rows were taken from.
    pub table_sha256: String,
}

/// The weights of the columns.
#[derive(Debug, Clone)]
pub struct RowWeights {
    /// The rule that gave the weights.
    pub rule: WeightRule,
    /// Weight of each column, shape `[d]`.
    pub of_columns: Vec<f32>,
    /// Values multiplied by the weights, shape `[n, d]`, row-major.
    pub values: Vec<f32>,
}

impl ClusterRows {
    /// Takes rows from a table. A note tells the observer which columns are the same for every image.
    ///
    /// # Errors
    /// A column is unknown, selected twice, or has no weight.
    pub fn new(table: AttributeTable, options: &RowOptions, context: &Context) -> Result<ClusterRows, Error> {
        let table_sha256 = table.sha256();
        let (values, columns) = select_columns(&table, &options.select)?;
        let constant = constant_columns(&values, columns.len());
        if !constant.is_empty() {
            let names: Vec<&str> = constant.iter().map(|column| columns[*column].as_str()).collect();
            let (is, says) = if names.len() == 1 { ("is", "it does") } else { ("are", "they do") };
            context.note(format!("{} {is} the same for every image, so {says} not distinguish clusters", names.join(", ")));
        }
        let weights = options.weights.clone().map(|rule| -> Result<_, ClusterError> {
            let of_columns = rule.weights(&columns, &table)?;
            let values = weighted(&values, &of_columns);
            Ok(RowWeights { rule, of_columns, values })
        });
        Ok(ClusterRows {
            weights: weights.transpose()?,
            select: if options.select.is_empty() { Vec::new() } else { columns.clone() },
            images: table.names(),
            columns,
            values,
            compress: options.compress,
            table_sha256,
        })
    }

    /// Returns the values that are clustered: the weighted ones if there are weights. Shape `[n, d]`, row-major.
    pub fn fitted(&self) -> &[f32] {
        self.weights.as_ref().map_or(&self.values, |weights| &weights.values)
    }

    /// Returns the number of distinct rows.
    ///
    /// # Errors
    /// A value is not finite.
    pub fn distinct(&self) -> Result<usize, ClusterError> {
        Ok(CountedRows::distinct(self.fitted(), self.images.len(), self.columns.len())?.len())
    }
}

/// The seconds that each phase of some work took.
#[derive(Debug, Clone)]
pub struct Phases {
    since: Instant,
    seconds: BTreeMap<String, f64>,
}

impl Default for Phases {
    /// Starts the clock.
    fn default() -> Phases {
        Phases { since: Instant::now(), seconds: BTreeMap::new() }
    }
}

impl Phases {
    /// Ends the current phase under a name and starts the next one.
    pub fn end(&mut self, name: &str) {
        self.seconds.insert(name.into(), self.since.elapsed().as_secs_f64());
        self.since = Instant::now();
    }
}

/// Clusters rows by a method and scores the result.
pub struct Clusterer<'a> {
    device: &'a Device,
    method: Method,
    k: usize,
    context: Context<'a>,
}

impl<'a> Clusterer<'a> {
    /// Returns a clusterer that finds `k` clusters; DBSCAN and OPTICS find their own number.
    pub fn new(device: &'a Device, method: Method, k: usize) -> Clusterer<'a> {
        Clusterer { device, method, k, context: Context::default() }
    }

    /// Returns this clusterer with a context.
    pub fn with_context(self, context: &Context<'a>) -> Clusterer<'a> {
        Clusterer { context: context.clone(), ..self }
    }

    /// Clusters rows and scores the clusters by their silhouette.
    ///
    /// # Errors
    /// The method cannot cluster these rows, or the device fails.
    pub fn cluster(&self, rows: ClusterRows) -> Result<ClusterResult, Error> {
        self.cluster_after(rows, Phases::default())
    }

    /// Clusters rows as [`Clusterer::cluster`] does, and adds its phases to the earlier ones.
    ///
    /// # Errors
    /// The same as [`Clusterer::cluster`].
    pub fn cluster_after(&self, input: ClusterRows, mut phases: Phases) -> Result<ClusterResult, Error> {
        let (device, n, width) = (self.device, input.images.len(), input.columns.len());
        let count = if input.compress { CountedRows::distinct } else { CountedRows::every };
        let rows = count(input.fitted(), n, width)?;
        let unweighted = input.weights.as_ref().map(|_| count(&input.values, n, width)).transpose()?;
        let distinct_rows = if input.compress { rows.len() } else { input.distinct()? };
        phases.end("compress");
        let found = self.method.cluster(device, &rows, self.k)?;
        let labels = found.labels;
        phases.end("cluster");
        let scores = match &unweighted {
            None => Scores::of(device, &rows, None, &labels)?,
            Some(unweighted) => Scores::of(device, unweighted, Some(&rows), &labels)?,
        };
        if scores.silhouette.is_none() {
            // The clustering is still valid without a score.
            self.context.note("a silhouette needs from 2 clusters to one fewer than there are images");
        }
        phases.end("silhouette");

        let sizes = (0..found.k as i64).map(|cluster| labels.iter().filter(|label| **label == cluster).count()).collect();
        Ok(ClusterResult {
            method: self.method.name().into(),
            k: found.k,
            silhouette: scores.silhouette,
            inertia: found.inertia,
            labels,
            sizes,
            select: input.select,
            images: input.images,
            silhouette_samples: scores.samples,
            silhouette_without_noise: scores.without_noise,
            weights: input.weights.map(|weights| weights.rule.to_string()),
            silhouette_weighted: scores.weighted,
            distinct_rows: Some(distinct_rows),
            seconds: phases.seconds,
            attributes_sha256: Some(input.table_sha256),
            adapter: Some(adapter_of(device)),
            command: self.context.command.clone(),
        })
    }

    /// Returns the scores and sizes of a clustering as lines of text.
    pub fn summary(result: &ClusterResult) -> String {
        let (method, k) = (&result.method, result.k);
        let silhouette = result.silhouette.map_or("undefined".to_string(), |value| format!("{value:.4}"));
        let more = [
            ("silhouette of the weighted rows", result.silhouette_weighted),
            ("silhouette without noise", result.silhouette_without_noise),
            ("inertia", result.inertia),
        ];
        let more = more.iter().filter_map(|(name, value)| value.map(|value| format!(", {name} {value:.4}")));
        let mut text = format!("{method}, k = {k}: silhouette {silhouette}{}\n", more.collect::<String>());
        for (cluster, size) in result.sizes.iter().enumerate() {
            text += &format!("  cluster {cluster}: {size} faces\n");
        }
        let noise = result.labels.iter().filter(|label| **label == -1).count();
        if noise > 0 {
            text += &format!("  noise: {noise} faces\n");
        }
        if let Some(distinct) = result.distinct_rows.filter(|distinct| *distinct < result.labels.len()) {
            text += &format!("{distinct} of the {} rows are distinct\n", result.labels.len());
        }
        text
    }

    /// Returns the details of a clustering by `columns` that a run folder records.
    pub fn details(result: &ClusterResult, columns: &[String]) -> Map<String, Value> {
        let mut details = Map::new();
        details.insert("method".into(), json!(result.method));
        details.insert("k".into(), json!(result.k));
        details.insert("attributes".into(), json!(columns));
        if let Some(weights) = &result.weights {
            details.insert("weights".into(), json!(weights));
        }
        details
    }
}

fn adapter_of(device: &Device) -> String {
    let report = device.report();
    format!("{} ({}, {})", report.name, report.backend, report.kind)
}

/// Compares clustering methods over the number of clusters: the paper's figure 5. A note tells the observer which points are
/// missing, and why.
///
/// # Errors
/// The rows cannot be clustered, the device fails, or the context is cancelled.
pub fn compare_methods(
    device: &Device,
    rows: &ClusterRows,
    settings: &ComparisonSettings,
    context: &Context,
) -> Result<Comparison, Error> {
    let weights = rows.weights.as_ref().map(|weights| (weights.rule.to_string(), weights.of_columns.as_slice()));
    let weights = weights.as_ref().map(|(name, weights)| (name.as_str(), *weights));
    let compared = ComparedRows { values: &rows.values, columns: &rows.columns, weights };
    let mut last: Option<ComparedMethod> = None;
    let mut tell = |ComparisonProgress { method, done, of }| {
        if last.replace(method) != Some(method) {
            context.start(method.name(), "clusterings", of);
        }
        context.advance(done);
    };
    let comparison = compare(device, compared, settings, context.cancellation.flag(), &mut tell);
    context.finish();
    let comparison = Comparison {
        attributes_sha256: Some(rows.table_sha256.clone()),
        adapter: Some(adapter_of(device)),
        command: context.command.clone(),
        ..comparison?
    };
    comparison.gaps().iter().for_each(|gap| context.note(gap.to_string()));
    Ok(comparison)
}

/// Writes `comparison.json`, `comparison.csv` and `comparison.svg` into a folder.
///
/// # Errors
/// A file cannot be written.
pub fn write_comparison(folder: &Path, comparison: &Comparison) -> Result<(), Error> {
    write_json(&folder.join("comparison.json"), comparison)?;
    write_file(&folder.join("comparison.csv"), &comparison.to_csv()?)?;
    Ok(write_file(&folder.join("comparison.svg"), figure_five_svg(comparison).as_bytes())?)
}

/// Returns the details of a comparison that a run folder records.
pub fn comparison_details(comparison: &Comparison) -> Map<String, Value> {
    let methods = comparison.curves.iter().map(|curve| &curve.method).chain(comparison.marks.iter().map(|mark| &mark.method));
    let mut details = Map::new();
    details.insert("methods".into(), json!(methods.collect::<Vec<_>>()));
    details.insert("attributes".into(), json!(comparison.select));
    details
}

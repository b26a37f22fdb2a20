//! `lineament cluster`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use lineament::cluster::{ClusterResult, CountedRows, Method, Scores};
use lineament::profiles::Device;
use serde_json::{Map, Value, json};

use super::cluster_options::{ClusterInput, MethodOptions, RowOptions};
use super::common::{GpuArguments, command_line, print_line, record, write_out};
use super::training::Fallible;
use super::{Outcome, Verdict};

/// Cluster faces by their attributes
#[derive(Args)]
pub struct Cluster {
    #[command(flatten)]
    rows: RowOptions,
    #[command(flatten)]
    method: MethodOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Write the JSON to this file
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

/// Seconds by phase.
pub struct Phases {
    since: Instant,
    seconds: BTreeMap<String, f64>,
}

impl Phases {
    /// The clock starts.
    pub fn new() -> Phases {
        Phases { since: Instant::now(), seconds: BTreeMap::new() }
    }

    fn end(&mut self, name: &str) {
        self.seconds.insert(name.into(), self.since.elapsed().as_secs_f64());
        self.since = Instant::now();
    }
}

impl Cluster {
    pub fn run(&self) -> Verdict {
        let mut phases = Phases::new();
        self.method.check()?;
        let input = self.rows.read()?;
        let method = self.method.method(input.columns.len())?;
        phases.end("read");
        let device = self.device.open()?;
        phases.end("start");
        let columns = input.columns.clone();
        let result = clustered(&device, input, &method, self.method.clusters(), phases)?;
        self.write(&result, self.rows.in_run("clusters.json").as_deref())?;
        if let Some(run) = &self.rows.run {
            record(run, "cluster", Some(&device), details(&result, &columns))?;
        }
        Ok(Outcome::Done)
    }

    fn write(&self, result: &ClusterResult, in_run: Option<&Path>) -> Result<(), Box<dyn std::error::Error>> {
        let mut bytes = serde_json::to_vec(result)?;
        bytes.push(b'\n');
        for path in [self.out.as_deref(), in_run].into_iter().flatten() {
            write_out(Some(path), &bytes)?;
        }
        if self.json {
            write_out(None, &bytes)?;
            return Ok(());
        }
        let (method, k) = (&result.method, result.k);
        let silhouette = result.silhouette.map_or("undefined".to_string(), |value| format!("{value:.4}"));
        let more = [
            ("silhouette of the weighted rows", result.silhouette_weighted),
            ("silhouette without noise", result.silhouette_without_noise),
            ("inertia", result.inertia),
        ];
        let more = more.iter().filter_map(|(name, value)| value.map(|value| format!(", {name} {value:.4}")));
        print_line(format_args!("{method}, k = {k}: silhouette {silhouette}{}", more.collect::<String>()))?;
        for (cluster, size) in result.sizes.iter().enumerate() {
            print_line(format_args!("  cluster {cluster}: {size} faces"))?;
        }
        let noise = result.labels.iter().filter(|label| **label == -1).count();
        if noise > 0 {
            print_line(format_args!("  noise: {noise} faces"))?;
        }
        if let Some(distinct) = result.distinct_rows.filter(|distinct| *distinct < result.labels.len()) {
            print_line(format_args!("{distinct} of the {} rows are distinct", result.labels.len()))?;
        }
        Ok(())
    }
}

/// Clusters rows by a method and judges what it finds.
pub fn clustered(device: &Device, input: ClusterInput, method: &Method, k: usize, mut phases: Phases) -> Fallible<ClusterResult> {
    let (n, width) = (input.images.len(), input.columns.len());
    let count = if input.compress { CountedRows::distinct } else { CountedRows::every };
    let rows = count(input.fitted(), n, width)?;
    let unweighted = input.weights.as_ref().map(|_| count(&input.values, n, width)).transpose()?;
    let distinct_rows = if input.compress { rows.len() } else { CountedRows::distinct(input.fitted(), n, width)?.len() };
    phases.end("compress");
    let found = method.cluster(device, &rows, k)?;
    let labels = found.labels;
    phases.end("cluster");
    let scores = match &unweighted {
        None => Scores::of(device, &rows, None, &labels)?,
        Some(unweighted) => Scores::of(device, unweighted, Some(&rows), &labels)?,
    };
    if scores.silhouette.is_none() {
        // The clustering stands all the same.
        eprintln!("note: a silhouette needs from 2 clusters to one fewer than there are images");
    }
    phases.end("silhouette");

    let sizes = (0..found.k as i64).map(|cluster| labels.iter().filter(|label| **label == cluster).count()).collect();
    let report = device.report();
    Ok(ClusterResult {
        method: method.name().into(),
        k: found.k,
        silhouette: scores.silhouette,
        inertia: found.inertia,
        labels,
        sizes,
        select: input.select,
        images: input.images,
        silhouette_samples: scores.samples,
        silhouette_without_noise: scores.without_noise,
        weights: input.weights.map(|(rule, ..)| rule.to_string()),
        silhouette_weighted: scores.weighted,
        distinct_rows: Some(distinct_rows),
        seconds: phases.seconds,
        adapter: Some(format!("{} ({}, {})", report.name, report.backend, report.kind)),
        command: Some(command_line()),
    })
}

/// What a run folder records of a clustering by some columns.
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

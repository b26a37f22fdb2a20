//! `lineament compare`

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::AtomicBool;

use clap::Args;
use lineament::cluster::{ComparedMethod, ComparedRows, Comparison, ComparisonProgress, ComparisonSettings, compare};
use lineament::profiles::Device;
use lineament::report::figure_five_svg;
use serde_json::{Map, json};

use super::cluster_options::{MethodName, RowOptions};
use super::common::{GpuArguments, command_line, interruption, make_run_folder, print_line, progress, record, write_out};
use super::training::Fallible;
use super::{Outcome, Verdict};

/// Compare clustering methods over the number of clusters: the paper's figure 5
#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    rows: RowOptions,
    /// Numbers of clusters, for the methods that take one
    #[arg(long, value_name = "FIRST..LAST", default_value = "2..50")]
    k: Clusters,
    /// Only these methods, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    methods: Vec<MethodName>,
    /// Restarts of k-means for each number of clusters
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    n_init: u32,
    /// Seed of the restarts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print what comparison.json holds
    #[arg(long)]
    json: bool,
    /// Write comparison.json, comparison.csv and comparison.svg into this folder
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

/// Numbers of clusters, such as `2..50`.
#[derive(Debug, Clone)]
struct Clusters(RangeInclusive<usize>);

impl FromStr for Clusters {
    type Err = String;

    fn from_str(text: &str) -> Result<Clusters, String> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim_start_matches('=').parse::<usize>().ok();
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first >= 2 && first <= last => Ok(Clusters(first..=last)),
            _ => Err("expected numbers of clusters as 2..50, from 2 upwards".to_string()),
        }
    }
}

impl From<MethodName> for ComparedMethod {
    fn from(name: MethodName) -> ComparedMethod {
        match name {
            MethodName::Kmeans => ComparedMethod::Kmeans,
            MethodName::Agglomerative => ComparedMethod::Agglomerative,
            MethodName::Dbscan => ComparedMethod::Dbscan,
            MethodName::Birch => ComparedMethod::Birch,
            MethodName::Optics => ComparedMethod::Optics,
            MethodName::Spectral => ComparedMethod::Spectral,
        }
    }
}

impl Compare {
    pub fn run(&self) -> Verdict {
        let input = self.rows.read()?;
        let weights = input.weights.as_ref().map(|(rule, weights, _)| (rule.to_string(), weights.as_slice()));
        let weights = weights.as_ref().map(|(name, weights)| (name.as_str(), *weights));
        let rows = ComparedRows { values: &input.values, columns: &input.columns, weights };
        self.out.as_deref().map_or(Ok(()), make_run_folder)?;

        let device = self.device.open()?;
        let comparison = compared(&device, rows, &self.settings(input.compress), &interruption())?;
        for folder in [self.out.as_deref(), self.rows.run.as_deref()].into_iter().flatten() {
            write(folder, &comparison)?;
        }
        if let Some(run) = &self.rows.run {
            record(run, "compare", Some(&device), details(&comparison))?;
        }
        if self.json {
            write_out(None, &json_of(&comparison)?)?;
        } else {
            print(&comparison)?;
        }
        Ok(Outcome::Done)
    }

    fn settings(&self, compress: bool) -> ComparisonSettings {
        let named = self.methods.iter().map(|name| ComparedMethod::from(*name)).collect();
        ComparisonSettings {
            methods: if self.methods.is_empty() { ComparedMethod::ALL.to_vec() } else { named },
            k: self.k.0.clone(),
            n_init: self.n_init,
            seed: self.seed,
            compress,
        }
    }
}

/// Compares, with a bar on stderr for each method, and says there what is missing and why.
pub fn compared(device: &Device, rows: ComparedRows, settings: &ComparisonSettings, stop: &AtomicBool) -> Fallible<Comparison> {
    let bar = progress(0, "clusterings");
    let mut last = None;
    let mut show = |ComparisonProgress { method, done, of }| {
        if last.replace(method) != Some(method) {
            if bar.is_hidden() {
                eprintln!("{}: {of} clusterings", method.name());
            }
            bar.reset();
            bar.set_message(method.name());
        }
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let comparison = compare(device, rows, settings, stop, &mut show);
    bar.finish_and_clear();
    let report = device.report();
    let adapter = Some(format!("{} ({}, {})", report.name, report.backend, report.kind));
    let comparison = Comparison { adapter, command: Some(command_line()), ..comparison? };
    comparison.gaps().iter().for_each(|gap| eprintln!("note: {gap}"));
    Ok(comparison)
}

/// Writes comparison.json, comparison.csv and comparison.svg into a folder.
pub fn write(folder: &Path, comparison: &Comparison) -> Fallible<()> {
    write_out(Some(&folder.join("comparison.json")), &json_of(comparison)?)?;
    write_out(Some(&folder.join("comparison.csv")), &comparison.to_csv()?)?;
    write_out(Some(&folder.join("comparison.svg")), figure_five_svg(comparison).as_bytes())
}

/// What a run folder records of a comparison.
pub fn details(comparison: &Comparison) -> Map<String, serde_json::Value> {
    let methods = comparison.curves.iter().map(|curve| &curve.method).chain(comparison.marks.iter().map(|mark| &mark.method));
    let mut details = Map::new();
    details.insert("methods".into(), json!(methods.collect::<Vec<_>>()));
    details.insert("attributes".into(), json!(comparison.select));
    details
}

fn json_of(comparison: &Comparison) -> Fallible<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(comparison)?;
    json.push(b'\n');
    Ok(json)
}

fn print(comparison: &Comparison) -> std::io::Result<()> {
    let Comparison { rows, select, distinct_rows, .. } = comparison;
    let what = format!("Silhouette of {rows} rows of {} attributes, {distinct_rows} of them distinct", select.len());
    print_line(format_args!("{what}\n\n{}\n{}", comparison.to_text(), comparison.remark()))
}

//! `lineament cluster`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lineament::cluster::{ClusterResult, CountedRows, KMeans, Metric, read_centers, select_columns, silhouette};
use lineament::data::AttributeTable;
use serde_json::{Map, json};

use super::common::{GpuArguments, Misuse, command_line, print_line, record, write_out};
use super::{Outcome, Verdict};

/// Cluster faces by their attributes
#[derive(Args)]
pub struct Cluster {
    /// A CSV file as `lineament predict` writes: `image`, then one column for each attribute
    #[arg(long, required_unless_present = "run")]
    attributes: Option<PathBuf>,
    /// Read RUN/attributes.csv (unless --attributes says otherwise) and write RUN/clusters.json
    #[arg(long)]
    run: Option<PathBuf>,
    /// How to cluster
    #[arg(long, value_enum, default_value = "kmeans")]
    method: Method,
    /// Number of clusters
    #[arg(long)]
    k: usize,
    /// Only these attributes, separated by commas
    #[arg(long, value_delimiter = ',')]
    select: Vec<String>,
    /// Round the values to 0 and 1 first, as the paper does
    #[arg(long)]
    binary: bool,
    /// Start from these centres (CSV: k rows of numbers, in the order of the columns) instead of k-means++
    #[arg(long)]
    init: Option<PathBuf>,
    /// Restarts, of which the best is kept
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    n_init: u32,
    /// The most iterations of a restart
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    iterations: u32,
    /// A restart ends when its centres move by no more than this, relative to the variance of the data
    #[arg(long, default_value_t = 1e-4)]
    tolerance: f64,
    /// Seed of the restarts
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Write the JSON to this file
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    gpu: GpuArguments,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Method {
    /// k-means++ and Lloyd's iterations, on the GPU
    Kmeans,
}

impl Cluster {
    pub fn run(&self) -> Verdict {
        let in_run = |name: &str| self.run.as_ref().map(|run| run.join(name));
        let path = self.attributes.clone().or_else(|| in_run("attributes.csv"));
        let path = path.ok_or_else(|| Misuse("give --attributes FILE or --run RUN".into()))?;
        let mut table = AttributeTable::read(&path)?;
        if self.binary {
            table = table.rounded();
        }
        let (rows, columns) = select_columns(&table, &self.select)?;
        let width = columns.len();
        let initial = self.init.as_deref().map(|path| read_centers(path, self.k, width)).transpose()?;

        let gpu = self.gpu.open()?;
        let Method::Kmeans = self.method;
        let kmeans = KMeans {
            k: self.k,
            n_init: self.n_init,
            seed: self.seed,
            tolerance: self.tolerance,
            iterations: self.iterations,
            initial,
        };
        let fit = kmeans.fit(&gpu, &rows, table.images.len(), width)?;
        let sizes = (0..self.k).map(|cluster| fit.labels.iter().filter(|label| **label as usize == cluster).count()).collect();
        let labels: Vec<i64> = fit.labels.iter().map(|label| i64::from(*label)).collect();
        // One cluster, or as many as faces, has no silhouette; the clustering stands all the same.
        let score = if self.k < 2 || self.k >= table.images.len() {
            eprintln!("note: a silhouette needs from 2 clusters to one fewer than there are images");
            None
        } else {
            Some(silhouette(&gpu, &CountedRows::distinct(&rows, table.images.len(), width)?, &labels, Metric::Euclidean)?.mean)
        };
        let report = gpu.report();
        let result = ClusterResult {
            method: "kmeans".into(),
            k: self.k,
            silhouette: score,
            inertia: Some(fit.inertia),
            labels,
            sizes,
            select: self.select.clone(),
            images: table.images.clone(),
            adapter: Some(format!("{} ({}, {})", report.name, report.backend, report.kind)),
            command: Some(command_line()),
            ..ClusterResult::default()
        };
        self.write(&result, in_run("clusters.json").as_deref())?;
        if let Some(run) = &self.run {
            let mut details = Map::new();
            details.insert("method".into(), json!(result.method));
            details.insert("k".into(), json!(result.k));
            details.insert("attributes".into(), json!(columns));
            record(run, "cluster", Some(&gpu), details)?;
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
        } else {
            let silhouette = result.silhouette.map_or("undefined".to_string(), |value| format!("{value:.4}"));
            print_line(format_args!(
                "kmeans, k = {}: silhouette {silhouette}, inertia {:.4}",
                result.k,
                result.inertia.unwrap_or(f64::NAN)
            ))?;
            for (cluster, size) in result.sizes.iter().enumerate() {
                print_line(format_args!("  cluster {cluster}: {size} faces"))?;
            }
        }
        Ok(())
    }
}

//! What goes into a clustering: which rows, and by which method with which settings. `cluster` and `compare` share it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lineament::cluster::{ClusterError, KMeans, Method, WeightRule, constant_columns, read_centers, select_columns, weighted};
use lineament::data::AttributeTable;

use super::common::Misuse;

/// Which rows to cluster.
#[derive(Args)]
pub struct RowOptions {
    /// A CSV file as `lineament predict` writes (`image`, then one column for each attribute), or CelebA's own
    /// list_attr_celeba, .txt or .csv
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    attributes: Option<PathBuf>,
    /// Read RUN/attributes.csv (unless --attributes says otherwise) and write the result into RUN
    #[arg(long)]
    pub run: Option<PathBuf>,
    /// Only these attributes, separated by commas; `paper-ten` stands for the ten the paper clusters by, `paper-37` for the 37
    /// it predicts
    #[arg(long, value_delimiter = ',')]
    select: Vec<String>,
    /// Multiply each attribute by a weight: the higher the rarer it is in CelebA, the higher the more common it is, or from a
    /// CSV file (`attribute,weight`)
    #[arg(long, value_name = "rare|common|FILE")]
    weights: Option<WeightRule>,
    /// Round the values to 0 and 1 first, as the paper does (0.5 becomes 0)
    #[arg(long)]
    binary: bool,
    /// Cluster every row by itself, where rows that are alike would be taken together and counted: slower, the same clusters
    #[arg(long)]
    no_compression: bool,
}

/// The rows, as asked for.
pub struct ClusterInput {
    /// Name of each image, `[n]`.
    pub images: Vec<String>,
    /// Name of each column, `[d]`.
    pub columns: Vec<String>,
    /// `columns` where they were selected, nothing where they are all that the table has.
    pub select: Vec<String>,
    /// `[n, d]` row-major.
    pub values: Vec<f32>,
    /// The rule of the weights, the weight of each column, and the values multiplied by them.
    pub weights: Option<(WeightRule, Vec<f32>, Vec<f32>)>,
    /// Whether rows that are alike are taken together.
    pub compress: bool,
}

impl ClusterInput {
    /// What to cluster: the weighted values where there are weights.
    pub fn fitted(&self) -> &[f32] {
        self.weights.as_ref().map_or(&self.values, |(_, _, weighted)| weighted)
    }
}

impl RowOptions {
    /// Where RUN keeps a file, if a run is named.
    pub fn in_run(&self, name: &str) -> Option<PathBuf> {
        self.run.as_ref().map(|run| run.join(name))
    }

    /// Reads the rows; says on stderr which attributes tell nothing.
    pub fn read(&self) -> Result<ClusterInput, Box<dyn std::error::Error>> {
        let path = self.attributes.clone().or_else(|| self.in_run("attributes.csv"));
        let path = path.ok_or_else(|| Misuse("give --attributes FILE or --run RUN".into()))?;
        let mut table = AttributeTable::read(&path)?;
        if self.binary {
            table = table.rounded();
        }
        let (values, columns) = select_columns(&table, &self.select)?;
        let constant = constant_columns(&values, columns.len());
        if !constant.is_empty() {
            let names: Vec<&str> = constant.iter().map(|column| columns[*column].as_str()).collect();
            let (is, says) = if names.len() == 1 { ("is", "it tells") } else { ("are", "they tell") };
            eprintln!("note: {} {is} the same for every image: {says} no clusters apart", names.join(", "));
        }
        let weights = self.weights.clone().map(|rule| -> Result<_, ClusterError> {
            let of_columns = rule.weights(&columns, &table)?;
            let values = weighted(&values, &of_columns);
            Ok((rule, of_columns, values))
        });
        Ok(ClusterInput {
            weights: weights.transpose()?,
            select: if self.select.is_empty() { Vec::new() } else { columns.clone() },
            images: table.images,
            columns,
            values,
            compress: !self.no_compression,
        })
    }
}

/// The methods by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// k-means++ and Lloyd's iterations, on the GPU
    Kmeans,
}

/// How to cluster. Settings that a method does not know are refused.
#[derive(Args)]
pub struct MethodOptions {
    /// How to cluster
    #[arg(long, value_enum, default_value = "kmeans")]
    method: MethodName,
    /// Number of clusters
    #[arg(long)]
    k: Option<usize>,
    /// kmeans: start from these centres (CSV: k rows of numbers, in the order of the columns) instead of k-means++
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// kmeans: restarts, of which the best is kept [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    n_init: Option<u32>,
    /// kmeans: the most iterations of a restart [default: 300]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    iterations: Option<u32>,
    /// kmeans: a restart ends when its centres move by no more than this, relative to the variance of the data [default: 1e-4]
    #[arg(long)]
    tolerance: Option<f64>,
    /// kmeans: seed of the restarts [default: 0]
    #[arg(long)]
    seed: Option<u64>,
}

impl MethodOptions {
    /// Checks what can be checked before anything is read.
    pub fn check(&self) -> Result<(), Misuse> {
        self.k().map(|_| ())
    }

    fn k(&self) -> Result<usize, Misuse> {
        self.k.ok_or_else(|| Misuse("give the number of clusters with --k".into()))
    }

    /// The method with its settings, for rows of `columns` numbers.
    ///
    /// # Errors
    /// A number of clusters missing, or a setting that the method does not know: misuse; initial centres that cannot be read.
    pub fn method(&self, columns: usize) -> Result<Method, Box<dyn std::error::Error>> {
        match self.method {
            MethodName::Kmeans => {
                let k = self.k()?;
                let initial = self.init.as_deref().map(|path: &Path| read_centers(path, k, columns)).transpose()?;
                Ok(Method::Kmeans(KMeans {
                    k,
                    n_init: self.n_init.unwrap_or(10),
                    seed: self.seed.unwrap_or(0),
                    tolerance: self.tolerance.unwrap_or(1e-4),
                    iterations: self.iterations.unwrap_or(300),
                    initial,
                }))
            }
        }
    }
}

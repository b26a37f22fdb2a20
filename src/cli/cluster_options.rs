//! What goes into a clustering: which rows, and by which method with which settings. `cluster` and `compare` share it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use lineament::cluster::{
    BirchSettings, ClusterError, KMeans, Linkage, Method, Metric, OpticsSettings, WeightRule, constant_columns, read_centers,
    select_columns, weighted,
};
use lineament::data::AttributeTable;

use super::common::{Misuse, make_run_folder};

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
    /// Some columns of a table, or all; says on stderr which of them tell nothing.
    pub fn new(
        table: AttributeTable,
        select: &[String],
        weights: Option<WeightRule>,
        compress: bool,
    ) -> Result<ClusterInput, Box<dyn std::error::Error>> {
        let (values, columns) = select_columns(&table, select)?;
        let constant = constant_columns(&values, columns.len());
        if !constant.is_empty() {
            let names: Vec<&str> = constant.iter().map(|column| columns[*column].as_str()).collect();
            let (is, says) = if names.len() == 1 { ("is", "it tells") } else { ("are", "they tell") };
            eprintln!("note: {} {is} the same for every image: {says} no clusters apart", names.join(", "));
        }
        let weights = weights.map(|rule| -> Result<_, ClusterError> {
            let of_columns = rule.weights(&columns, &table)?;
            let values = weighted(&values, &of_columns);
            Ok((rule, of_columns, values))
        });
        Ok(ClusterInput {
            weights: weights.transpose()?,
            select: if select.is_empty() { Vec::new() } else { columns.clone() },
            images: table.images,
            columns,
            values,
            compress,
        })
    }

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
        // With a table of its own the run may be new.
        self.run.as_deref().map_or(Ok(()), make_run_folder)?;
        ClusterInput::new(table, &self.select, self.weights.clone(), !self.no_compression)
    }
}

/// The methods by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// k-means++ and Lloyd's iterations, on the GPU
    Kmeans,
    /// A tree of joins, by distances from the GPU
    Agglomerative,
    /// What dense rows reach; finds its own number of clusters
    Dbscan,
    /// Subclusters in a tree, joined by Ward's linkage
    Birch,
    /// Steep falls of reachability; finds its own number of clusters
    Optics,
    /// k-means among the eigenvectors of a graph of neighbours
    Spectral,
}

/// How far clusters are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LinkageName {
    Ward,
    Complete,
    Average,
    Single,
}

/// How far rows are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MetricName {
    #[value(alias = "l2")]
    Euclidean,
    #[value(alias = "l1")]
    Manhattan,
    Cosine,
    Hamming,
}

/// How to cluster. Settings that a method does not know are refused.
#[derive(Args)]
pub struct MethodOptions {
    /// How to cluster
    #[arg(long, value_enum, default_value = "kmeans")]
    method: MethodName,
    /// Number of clusters; not of dbscan and optics, which find theirs
    #[arg(long)]
    k: Option<usize>,
    /// kmeans: start from these centres (CSV: k rows of numbers, in the order of the columns) instead of k-means++
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// kmeans, spectral: restarts, of which the best is kept [default: 10]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    n_init: Option<u32>,
    /// kmeans: the most iterations of a restart [default: 300]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    iterations: Option<u32>,
    /// kmeans: a restart ends when its centres move by no more than this, relative to the variance of the data [default: 1e-4]
    #[arg(long)]
    tolerance: Option<f64>,
    /// kmeans, spectral: seed of the restarts [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// agglomerative: how far clusters are apart [default: complete, as in the original script]
    #[arg(long, value_enum)]
    linkage: Option<LinkageName>,
    /// agglomerative, dbscan, optics: how far rows are apart [default: manhattan, euclidean and hamming, as in the original script]
    #[arg(long, value_enum)]
    metric: Option<MetricName>,
    /// dbscan: how far a neighbour may be [default: 0.5]
    #[arg(long)]
    eps: Option<f32>,
    /// dbscan, optics: rows in the neighbourhood of a dense row, itself among them [default: 3 and 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    min_samples: Option<u32>,
    /// birch: the largest radius of a subcluster [default: 0.36]
    #[arg(long)]
    threshold: Option<f64>,
    /// optics: the relative fall of reachability that is steep [default: 0.05]
    #[arg(long)]
    xi: Option<f64>,
    /// spectral: affinity is exp(−gamma d²) [default: 1]
    #[arg(long)]
    gamma: Option<f64>,
}

impl MethodOptions {
    /// Checks what can be checked before anything is read.
    ///
    /// # Errors
    /// A number of clusters missing, or a setting that the method does not know.
    pub fn check(&self) -> Result<(), Misuse> {
        use MethodName::{Agglomerative, Birch, Dbscan, Kmeans, Optics, Spectral};
        let settings: [(&str, bool, &[MethodName]); 13] = [
            ("--k", self.k.is_some(), &[Kmeans, Agglomerative, Birch, Spectral]),
            ("--init", self.init.is_some(), &[Kmeans]),
            ("--n-init", self.n_init.is_some(), &[Kmeans, Spectral]),
            ("--iterations", self.iterations.is_some(), &[Kmeans]),
            ("--tolerance", self.tolerance.is_some(), &[Kmeans]),
            ("--seed", self.seed.is_some(), &[Kmeans, Spectral]),
            ("--linkage", self.linkage.is_some(), &[Agglomerative]),
            ("--metric", self.metric.is_some(), &[Agglomerative, Dbscan, Optics]),
            ("--eps", self.eps.is_some(), &[Dbscan]),
            ("--min-samples", self.min_samples.is_some(), &[Dbscan, Optics]),
            ("--threshold", self.threshold.is_some(), &[Birch]),
            ("--xi", self.xi.is_some(), &[Optics]),
            ("--gamma", self.gamma.is_some(), &[Spectral]),
        ];
        let name = |method: MethodName| method.to_possible_value().map_or(String::new(), |value| value.get_name().to_string());
        if let Some((setting, _, known)) = settings.iter().find(|(_, given, known)| *given && !known.contains(&self.method)) {
            let known: Vec<String> = known.iter().map(|method| name(*method)).collect();
            return Err(Misuse(format!("{setting} is a setting of {}, not of {}", known.join(", "), name(self.method))));
        }
        if self.k.is_none() && !matches!(self.method, Dbscan | Optics) {
            return Err(Misuse("give the number of clusters with --k".into()));
        }
        if let Some(eps) = self.eps.filter(|eps| !(*eps >= 0.0 && eps.is_finite())) {
            return Err(Misuse(format!("--eps is {eps}; it must be a number of at least 0")));
        }
        Ok(())
    }

    /// The number of clusters, 0 where the method finds its own.
    pub fn clusters(&self) -> usize {
        self.k.unwrap_or(0)
    }

    /// The method with its settings, for rows of `columns` numbers.
    ///
    /// # Errors
    /// Initial centres that cannot be read.
    pub fn method(&self, columns: usize) -> Result<Method, Box<dyn std::error::Error>> {
        let metric = |default| match self.metric {
            None => default,
            Some(MetricName::Euclidean) => Metric::Euclidean,
            Some(MetricName::Manhattan) => Metric::Manhattan,
            Some(MetricName::Cosine) => Metric::Cosine,
            Some(MetricName::Hamming) => Metric::Hamming,
        };
        let (n_init, seed) = (self.n_init.unwrap_or(10), self.seed.unwrap_or(0));
        Ok(match self.method {
            MethodName::Kmeans => {
                let k = self.clusters();
                let initial = self.init.as_deref().map(|path: &Path| read_centers(path, k, columns)).transpose()?;
                let (tolerance, iterations) = (self.tolerance.unwrap_or(1e-4), self.iterations.unwrap_or(300));
                Method::Kmeans(KMeans { k, n_init, seed, tolerance, iterations, initial })
            }
            MethodName::Agglomerative => {
                let linkage = match self.linkage {
                    Some(LinkageName::Ward) => Linkage::Ward,
                    None | Some(LinkageName::Complete) => Linkage::Complete,
                    Some(LinkageName::Average) => Linkage::Average,
                    Some(LinkageName::Single) => Linkage::Single,
                };
                let default = if linkage == Linkage::Ward { Metric::Euclidean } else { Metric::Manhattan };
                Method::Agglomerative { linkage, metric: metric(default) }
            }
            MethodName::Dbscan => Method::Dbscan {
                radius: self.eps.unwrap_or(0.5),
                min_samples: self.min_samples.unwrap_or(3),
                metric: metric(Metric::Euclidean),
            },
            MethodName::Birch => Method::Birch(BirchSettings { threshold: self.threshold.unwrap_or(0.36), branching_factor: 50 }),
            MethodName::Optics => Method::Optics {
                settings: OpticsSettings { min_samples: self.min_samples.unwrap_or(5) as usize, xi: self.xi.unwrap_or(0.05) },
                metric: metric(Metric::Hamming),
            },
            MethodName::Spectral => Method::Spectral { gamma: self.gamma.unwrap_or(1.0), n_init, seed },
        })
    }
}

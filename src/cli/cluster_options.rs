//! Options of `cluster` and `compare`: which rows to cluster, by which method, and with which settings.

use std::path::{Path, PathBuf};

use clap::Args;
use lineament::app::{ClusterRows, Context, Error, RowOptions, RunFolder};
use lineament::cluster::{
    BirchSettings, ComparedMethod, KMeans, Linkage, Method, Metric, OpticsSettings, WeightRule, read_centers,
};
use lineament::data::AttributeTable;
use lineament::report::ReportError;

use super::arguments::{Choices, one_of, require_within};

/// Options that select the rows to cluster.
#[derive(Args)]
pub struct RowArguments {
    /// Table of attributes: a CSV file written by `lineament predict` (a column `image`, then one for each attribute), or
    /// CelebA's list_attr_celeba as .txt or .csv
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    attributes: Option<PathBuf>,
    /// Run folder. Attributes are read from RUN/attributes.csv unless --attributes is given, and the result is written into RUN
    #[arg(long, value_name = "RUN")]
    pub run: Option<PathBuf>,
    /// Cluster by these attributes only, separated by commas. `paper-ten` stands for the ten attributes by which the paper
    /// clusters, `paper-37` for the 37 that it predicts
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    select: Vec<String>,
    /// Multiply each attribute by a weight. `rare` gives attributes that are rare in CelebA more weight, `common` those that are
    /// common; or name a CSV file with the columns attribute,weight
    #[arg(long, value_name = "rare|common|FILE")]
    weights: Option<WeightRule>,
    /// Round the values to 0 and 1 before clustering, as the paper does (0.5 becomes 0)
    #[arg(long)]
    binary: bool,
    /// Cluster every row on its own instead of merging equal rows with a count. Slower, with the same clusters
    #[arg(long)]
    no_compression: bool,
}

impl RowArguments {
    /// Returns the files from which the rows are read.
    pub fn files(&self) -> Vec<PathBuf> {
        let table = self.attributes.clone().or_else(|| self.run.as_ref().map(|run| run.join("attributes.csv")));
        let weights = match &self.weights {
            Some(WeightRule::File(path)) => Some(path.clone()),
            _ => None,
        };
        table.into_iter().chain(weights).collect()
    }

    /// Reads the rows, reports attributes that are the same for every image, and opens the run folder if there is one.
    pub fn read(&self, context: &Context) -> Result<(ClusterRows, Option<RunFolder>), Error> {
        let in_run = || self.run.as_deref().map(attributes_in).transpose();
        let path = self.attributes.clone().map_or_else(in_run, |path| Ok(Some(path)))?;
        let path = path.ok_or_else(|| Error::Misuse("no attributes given; add --attributes FILE or --run RUN".into()))?;
        let mut table = AttributeTable::read(&path)?;
        if self.binary {
            table = table.rounded();
        }
        // If the table is given by name, the run folder need not exist yet.
        let run = self.run.as_deref().map(RunFolder::create).transpose()?;
        let (select, weights) = (self.select.clone(), self.weights.clone());
        let options = RowOptions { select, weights, compress: !self.no_compression };
        Ok((ClusterRows::new(table, &options, context)?, run))
    }
}

/// Returns the path of the attributes in a run folder.
///
/// # Errors
/// There is no such file. The error names the command that creates it.
fn attributes_in(run: &Path) -> Result<PathBuf, ReportError> {
    let path = run.join("attributes.csv");
    if path.is_file() { Ok(path) } else { Err(ReportError::Missing { path, command: "lineament predict IMAGES… --run RUN" }) }
}

/// The clustering methods.
pub const METHODS: &Choices<ComparedMethod> = &[
    ("kmeans", "k-means++ and Lloyd's iterations, on the GPU", ComparedMethod::Kmeans),
    ("agglomerative", "Agglomerative (hierarchical) clustering, on distances computed on the GPU", ComparedMethod::Agglomerative),
    ("dbscan", "Clusters of dense regions; finds the number of clusters itself", ComparedMethod::Dbscan),
    ("birch", "Subclusters collected in a tree, then merged by Ward's linkage", ComparedMethod::Birch),
    ("optics", "Clusters by steep changes of reachability; finds the number of clusters itself", ComparedMethod::Optics),
    ("spectral", "k-means on the eigenvectors of an affinity graph", ComparedMethod::Spectral),
];

const LINKAGES: &Choices<Linkage> = &[
    ("ward", "How much merging the clusters would increase the scatter of rows around their centre", Linkage::Ward),
    ("complete", "The largest distance between a row of one and a row of the other", Linkage::Complete),
    ("average", "The mean distance between the rows of one and the rows of the other", Linkage::Average),
    ("single", "The smallest distance between a row of one and a row of the other", Linkage::Single),
];

const METRICS: &Choices<Metric> = &[
    ("euclidean|l2", "The square root of the sum of squared differences", Metric::Euclidean),
    ("manhattan|l1", "The sum of absolute differences", Metric::Manhattan),
    ("cosine", "One minus the cosine of the angle between the rows", Metric::Cosine),
    ("hamming", "The share of attributes in which the rows differ", Metric::Hamming),
];

/// Options that choose the method and its settings. A setting that the method does not have is refused.
#[derive(Args)]
pub struct MethodOptions {
    /// Clustering method
    #[arg(long, value_name = "NAME", value_parser = one_of(METHODS), default_value = "kmeans")]
    method: ComparedMethod,
    /// Number of clusters. Required except for dbscan and optics, which find it themselves
    #[arg(long, value_name = "COUNT")]
    k: Option<usize>,
    /// kmeans: start from these centres instead of k-means++ (CSV, k rows, with the columns in the order of the attributes)
    #[arg(long, value_name = "FILE")]
    init: Option<PathBuf>,
    /// kmeans, spectral: number of random starts; the best result is kept [default: 10]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    n_init: Option<u32>,
    /// kmeans: maximum number of iterations from each start [default: 300]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    iterations: Option<u32>,
    /// kmeans: stop when the centres move by no more than this, relative to the variance of the data [default: 1e-4]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    tolerance: Option<f64>,
    /// kmeans, spectral: seed of the random starts [default: 0]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// agglomerative: linkage, the distance between two clusters [default: complete, as in the original script]
    #[arg(long, value_name = "NAME", value_parser = one_of(LINKAGES))]
    linkage: Option<Linkage>,
    /// agglomerative, dbscan, optics: distance between two rows [default: manhattan, euclidean and hamming respectively, as in
    /// the original script]
    #[arg(long, value_name = "NAME", value_parser = one_of(METRICS))]
    metric: Option<Metric>,
    /// dbscan: largest distance between neighbours [default: 0.5]
    #[arg(long, value_name = "DISTANCE", allow_negative_numbers = true)]
    eps: Option<f32>,
    /// dbscan, optics: number of rows in the neighbourhood of a dense row, itself included [default: 3 and 5 respectively]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    min_samples: Option<u32>,
    /// birch: largest radius of a subcluster [default: 0.36]
    #[arg(long, value_name = "RADIUS", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// optics: relative drop of reachability that counts as steep [default: 0.05]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    xi: Option<f64>,
    /// spectral: gamma in the affinity exp(−gamma d²) of two rows at distance d [default: 1]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    gamma: Option<f64>,
}

impl MethodOptions {
    /// Checks, before anything is read, that the settings fit the method.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the number of clusters is missing, or the method does not have a given setting.
    pub fn check(&self) -> Result<(), Error> {
        use ComparedMethod::{Agglomerative, Birch, Dbscan, Kmeans, Optics, Spectral};
        let settings: [(&str, bool, &[ComparedMethod]); 13] = [
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
        if let Some((setting, _, known)) = settings.iter().find(|(_, given, known)| *given && !known.contains(&self.method)) {
            let known: Vec<&str> = known.iter().map(|method| method.name()).collect();
            let problem = format!("{setting} is a setting of {}, not of {}", known.join(", "), self.method.name());
            return Err(Error::Misuse(problem));
        }
        if self.k.is_none() && !self.method.finds_clusters() {
            return Err(Error::Misuse("give the number of clusters with --k".into()));
        }
        let ranges = [
            ("--eps", self.eps.map(f64::from), 0.0..=f64::from(f32::MAX)),
            ("--tolerance", self.tolerance, 0.0..=f64::MAX),
            ("--threshold", self.threshold, 0.0..=f64::MAX),
            ("--xi", self.xi, f64::MIN_POSITIVE..=1.0 - f64::EPSILON),
            ("--gamma", self.gamma, f64::MIN_POSITIVE..=f64::MAX),
        ];
        ranges.into_iter().try_for_each(|(setting, value, range)| require_within(setting, value, range))
    }

    /// Returns the file of initial centres, if the user named one.
    pub fn file(&self) -> Option<PathBuf> {
        self.init.clone()
    }

    /// Returns the number of clusters, or 0 if the method finds it itself.
    pub fn clusters(&self) -> usize {
        self.k.unwrap_or(0)
    }

    /// Returns the method with its settings, for rows of `columns` numbers.
    ///
    /// # Errors
    /// The file of initial centres cannot be read.
    pub fn method(&self, columns: usize) -> Result<Method, Error> {
        let metric = |default| self.metric.unwrap_or(default);
        let (n_init, seed) = (self.n_init.unwrap_or(10), self.seed.unwrap_or(0));
        Ok(match self.method {
            ComparedMethod::Kmeans => {
                let k = self.clusters();
                let initial = self.init.as_deref().map(|path| read_centers(path, k, columns)).transpose()?;
                let (tolerance, iterations) = (self.tolerance.unwrap_or(1e-4), self.iterations.unwrap_or(300));
                Method::Kmeans(KMeans { k, n_init, seed, tolerance, iterations, initial })
            }
            ComparedMethod::Agglomerative => {
                let linkage = self.linkage.unwrap_or(Linkage::Complete);
                let default = if linkage == Linkage::Ward { Metric::Euclidean } else { Metric::Manhattan };
                Method::Agglomerative { linkage, metric: metric(default) }
            }
            ComparedMethod::Dbscan => Method::Dbscan {
                radius: self.eps.unwrap_or(0.5),
                min_samples: self.min_samples.unwrap_or(3),
                metric: metric(Metric::Euclidean),
            },
            ComparedMethod::Birch => {
                Method::Birch(BirchSettings { threshold: self.threshold.unwrap_or(0.36), branching_factor: 50 })
            }
            ComparedMethod::Optics => Method::Optics {
                settings: OpticsSettings { min_samples: self.min_samples.unwrap_or(5) as usize, xi: self.xi.unwrap_or(0.05) },
                metric: metric(Metric::Hamming),
            },
            ComparedMethod::Spectral => Method::Spectral { gamma: self.gamma.unwrap_or(1.0), n_init, seed },
        })
    }
}

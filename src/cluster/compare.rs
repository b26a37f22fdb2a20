//! Compares clustering methods by their silhouettes as a function of the number of clusters (figure 5 of the paper), with the
//! settings of the paper's script.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::{
    BirchSettings, ClusterError, Comparison, CountedRows, Curve, CurvePoint, KMeans, Linkage, Mark, Method, Metric,
    OpticsSettings, SilhouetteScorer, silhouette_without_noise, weighted,
};
use crate::profiles::Device;

/// Maximum number of Lloyd iterations of a restart in the paper's script.
const ITERATIONS: u32 = 500;

/// A clustering method with the settings of the paper's script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedMethod {
    /// k-means with k-means++ seeding and several restarts.
    Kmeans,
    /// Agglomerative clustering with complete linkage and the manhattan metric.
    Agglomerative,
    /// Spectral clustering with the affinity exp(−d²) of rows at euclidean distance d.
    Spectral,
    /// Birch with threshold 0.36.
    Birch,
    /// DBSCAN under the euclidean metric, where a core row has at least three rows, itself included, within 0.5. It finds its own
    /// number of clusters.
    Dbscan,
    /// OPTICS under the hamming metric, where a core distance is that of five rows, the row itself included. It finds its own
    /// number of clusters.
    Optics,
}

impl ComparedMethod {
    /// All methods in the order in which the figure shows them.
    pub const ALL: [ComparedMethod; 6] = [
        ComparedMethod::Kmeans,
        ComparedMethod::Agglomerative,
        ComparedMethod::Spectral,
        ComparedMethod::Birch,
        ComparedMethod::Dbscan,
        ComparedMethod::Optics,
    ];

    /// Returns the name of the method, as `lineament cluster --method` takes it.
    pub fn name(self) -> &'static str {
        match self {
            ComparedMethod::Kmeans => "kmeans",
            ComparedMethod::Agglomerative => "agglomerative",
            ComparedMethod::Spectral => "spectral",
            ComparedMethod::Birch => "birch",
            ComparedMethod::Dbscan => "dbscan",
            ComparedMethod::Optics => "optics",
        }
    }

    /// Returns whether the method finds its own number of clusters.
    pub fn finds_clusters(self) -> bool {
        matches!(self, ComparedMethod::Dbscan | ComparedMethod::Optics)
    }

    /// Returns the method with its settings, and a description of the settings.
    fn method(self, n_init: u32, seed: u64) -> (Method, String) {
        let kmeans = KMeans { k: 0, n_init, seed, tolerance: 1e-4, iterations: ITERATIONS, initial: None };
        match self {
            ComparedMethod::Kmeans => (Method::Kmeans(kmeans), format!("k-means++, best of {n_init} restarts")),
            ComparedMethod::Agglomerative => {
                let (linkage, metric) = (Linkage::Complete, Metric::Manhattan);
                (Method::Agglomerative { linkage, metric }, "complete linkage, manhattan".into())
            }
            ComparedMethod::Spectral => {
                // The paper's script uses scikit-learn's default of ten restarts here.
                (Method::Spectral { gamma: 1.0, n_init: 10, seed }, "affinity exp(−d²), best of 10 restarts".into())
            }
            ComparedMethod::Birch => {
                (Method::Birch(BirchSettings { threshold: 0.36, branching_factor: 50 }), "threshold 0.36".into())
            }
            ComparedMethod::Dbscan => {
                let (radius, min_samples, metric) = (0.5, 3, Metric::Euclidean);
                (Method::Dbscan { radius, min_samples, metric }, "3 rows within 0.5, euclidean".into())
            }
            ComparedMethod::Optics => {
                let (settings, metric) = (OpticsSettings { min_samples: 5, xi: 0.05 }, Metric::Hamming);
                (Method::Optics { settings, metric }, "5 rows, xi 0.05, hamming".into())
            }
        }
    }
}

/// Settings of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonSettings {
    /// The methods to compare, in the order in which they run.
    pub methods: Vec<ComparedMethod>,
    /// The numbers of clusters for the methods that take one; at least 2.
    pub k: RangeInclusive<usize>,
    /// Number of restarts of k-means for each k; the paper's script uses 20.
    pub n_init: u32,
    /// Seed of the random numbers of all restarts.
    pub seed: u64,
    /// Whether equal rows are stored once with a count, which saves time with methods that use counts and does not change the
    /// result.
    pub compress: bool,
}

/// The rows that a comparison clusters.
#[derive(Debug, Clone, Copy)]
pub struct ComparedRows<'a> {
    /// The unweighted values, row-major with shape `[n, columns.len()]`.
    pub values: &'a [f32],
    /// Names of the columns.
    pub columns: &'a [String],
    /// The source of the weights, such as `rare`, and the weight that each column is multiplied by before clustering, shape
    /// `[columns.len()]`. As in the paper's script, silhouettes are computed on the unweighted columns; those on the weighted
    /// columns are reported in addition.
    pub weights: Option<(&'a str, &'a [f32])>,
}

/// The progress of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct ComparisonProgress {
    /// The method that is running.
    pub method: ComparedMethod,
    /// Number of finished clusterings by this method.
    pub done: usize,
    /// Number of all clusterings by this method.
    pub of: usize,
}

/// Clusters rows on the GPU by every method and for every k of the settings, and scores the clusterings by their silhouettes.
///
/// `progress` is called before each clustering, and the comparison ends early if `stop` is set by then. A point of a curve has no
/// silhouette if k is above the number of distinct rows or equal to the number of rows, or if Birch finds fewer than k
/// subclusters.
///
/// # Errors
/// [`ClusterError::Stopped`] if `stop` was set. Fails as well if a setting or a value is out of range, if the rows exceed a limit
/// of a method or of the adapter, or if the device fails.
pub fn compare(
    device: &Device,
    rows: ComparedRows,
    settings: &ComparisonSettings,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(ComparisonProgress),
) -> Result<Comparison, ClusterError> {
    let at = StoredRows::new(rows, settings)?;
    let scorer = |rows| SilhouetteScorer::new(device, rows, Metric::Euclidean);
    let mut scorers = [Some(scorer(&at.plain)), at.weighted.as_ref().map(scorer)];
    let mut scores = |labels: &[i64]| -> Result<[Option<f64>; 2], ClusterError> {
        let mut found = [None; 2];
        for (found, scorer) in found.iter_mut().zip(&mut scorers) {
            *found = match scorer.as_mut().map(|scorer| scorer.score(labels)) {
                Some(Ok(silhouette)) => Some(silhouette.mean),
                None | Some(Err(ClusterError::SilhouetteLabels { .. })) => None,
                Some(Err(error)) => return Err(error),
            };
        }
        Ok(found)
    };
    let (mut curves, mut marks) = (Vec::new(), Vec::new());
    let mut seconds = BTreeMap::new();
    for &method in &settings.methods {
        let started = Instant::now();
        let of = if method.finds_clusters() { 1 } else { settings.k.clone().count() };
        let stopped = || if stop.load(Ordering::Relaxed) { Err(ClusterError::Stopped) } else { Ok(()) };
        stopped()?;
        progress(ComparisonProgress { method, done: 0, of });
        let (with_settings, words) = method.method(settings.n_init, settings.seed);
        let prepared = with_settings.prepare(device, at.clustered())?;
        if method.finds_clusters() {
            let found = prepared.cluster(device, 0)?;
            let noise = found.labels.iter().filter(|label| **label < 0).count();
            marks.push(Mark {
                method: method.name().into(),
                settings: words,
                k: found.k,
                noise,
                silhouette: scores(&found.labels)?[0],
                silhouette_without_noise: silhouette_without_noise(device, &at.plain, &found.labels, Metric::Euclidean)?,
            });
        } else {
            let mut points = Vec::with_capacity(of);
            for (done, k) in settings.k.clone().enumerate() {
                stopped()?;
                progress(ComparisonProgress { method, done, of });
                let found = match prepared.cluster(device, k) {
                    Ok(found) => Some(found.labels),
                    // The point stays without a silhouette if the method cannot form k clusters.
                    Err(ClusterError::TooManyClusters { .. } | ClusterError::TooFewSubclusters { .. }) => None,
                    Err(error) => return Err(error),
                };
                let found = found.filter(|_| k <= at.distinct);
                let [silhouette, silhouette_weighted] = found.map_or(Ok([None, None]), |labels| scores(&labels))?;
                points.push(CurvePoint { k, silhouette, silhouette_weighted });
            }
            curves.push(Curve { method: method.name().into(), settings: words, points });
        }
        seconds.insert(method.name().to_string(), started.elapsed().as_secs_f64());
    }
    Ok(Comparison {
        rows: at.plain.total(),
        distinct_rows: at.plain_distinct,
        select: rows.columns.to_vec(),
        weights: rows.weights.map_or("none", |(name, _)| name).to_string(),
        curves,
        marks,
        seconds,
        attributes_sha256: None,
        adapter: None,
        command: None,
    })
}

/// The rows of a comparison; equal rows are stored once if the settings ask for it.
struct StoredRows {
    /// The unweighted rows.
    plain: CountedRows,
    /// Number of distinct unweighted rows.
    plain_distinct: usize,
    /// The weighted rows, if there are weights.
    weighted: Option<CountedRows>,
    /// Number of distinct rows among those that are clustered. A weight of 0 can make different rows equal.
    distinct: usize,
}

impl StoredRows {
    /// Checks the rows and the range of k, and stores the rows.
    fn new(rows: ComparedRows, settings: &ComparisonSettings) -> Result<StoredRows, ClusterError> {
        let columns = rows.columns.len();
        let n = rows.values.len() / columns.max(1);
        if settings.k.is_empty() || *settings.k.start() < 2 {
            return Err(ClusterError::Setting {
                name: "the range of k",
                value: format!("{} to {}", settings.k.start(), settings.k.end()),
                expected: "an ascending range from 2 upwards, because a single cluster has no silhouette",
            });
        }
        if let Some((_, weights)) = rows.weights.filter(|(_, weights)| weights.len() != columns) {
            return Err(ClusterError::Setting {
                name: "the number of weights",
                value: weights.len().to_string(),
                expected: "the number of columns",
            });
        }
        let count = |values: &[f32]| -> Result<(CountedRows, usize), ClusterError> {
            let distinct = CountedRows::distinct(values, n, columns)?;
            let number = distinct.len();
            Ok((if settings.compress { distinct } else { CountedRows::every(values, n, columns)? }, number))
        };
        let (plain, plain_distinct) = count(rows.values)?;
        let weighted = rows.weights.map(|(_, weights)| count(&weighted(rows.values, weights))).transpose()?;
        let distinct = weighted.as_ref().map_or(plain_distinct, |(_, distinct)| *distinct);
        Ok(StoredRows { plain, plain_distinct, weighted: weighted.map(|(rows, _)| rows), distinct })
    }

    /// Returns the rows that are clustered: the weighted ones if there are weights.
    fn clustered(&self) -> &CountedRows {
        self.weighted.as_ref().unwrap_or(&self.plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns 60 rows of 4 columns of 0 and 1. At most 16 of the rows are distinct.
    fn values() -> Vec<f32> {
        let bit = |index: usize| (index.wrapping_mul(index).wrapping_mul(2_654_435_761) >> 13) & 1;
        (0..240).map(|index| bit(index + 1) as f32).collect()
    }

    fn settings(compress: bool) -> ComparisonSettings {
        ComparisonSettings { methods: ComparedMethod::ALL.to_vec(), k: 2..=20, n_init: 3, seed: 0, compress }
    }

    /// Compares the methods on [`values`] with or without weights of the columns, shape `[4]`.
    fn compared(device: &Device, weights: Option<&[f32]>, settings: &ComparisonSettings) -> Result<Comparison, ClusterError> {
        let columns: Vec<String> = (0..4).map(|column| column.to_string()).collect();
        let weights = weights.map(|weights| ("rare", weights));
        let rows = ComparedRows { values: &values(), columns: &columns, weights };
        compare(device, rows, settings, &AtomicBool::new(false), &mut |_| {})
    }

    #[test]
    fn curves_end_at_the_number_of_distinct_rows_with_the_share_of_repeated_rows() {
        let Some(device) = crate::testing::device() else { return };
        let found = compared(&device, None, &settings(true)).unwrap();
        let distinct = found.distinct_rows;
        let counted = CountedRows::distinct(&values(), 60, 4).unwrap();
        let repeated: u32 = counted.counts.iter().filter(|count| **count > 1).sum();
        assert!((10..=16).contains(&distinct), "{distinct}");
        for curve in &found.curves {
            let points = &curve.points;
            assert_eq!((points.len(), points[0].k), (19, 2));
            assert!(points.iter().all(|one| one.silhouette.is_some() == (one.k <= distinct)), "{}: {points:?}", curve.method);
            let last = points[distinct - 2].silhouette.unwrap();
            assert!((last - f64::from(repeated) / 60.0).abs() < 1e-6, "{}: {last}, {repeated} repeated rows", curve.method);
        }
        assert_eq!(found.gaps().len(), found.curves.len());
        found.check().unwrap();
    }

    #[test]
    fn weights_give_a_second_silhouette_and_may_make_rows_equal() {
        let Some(device) = crate::testing::device() else { return };
        let plain = compared(&device, None, &settings(true)).unwrap();
        let found = compared(&device, Some(&[0.0, 1.0, 0.5, 2.0]), &settings(true)).unwrap();
        assert_eq!((found.distinct_rows, found.weights.as_str()), (plain.distinct_rows, "rare"));
        for point in &found.curves[0].points {
            assert_eq!(point.silhouette.is_some(), point.k <= 8, "without one of the columns there are at most 8 distinct rows");
            assert_eq!(point.silhouette_weighted.is_some(), point.k <= 8);
            assert!(point.silhouette_weighted > point.silhouette || point.k > 8, "{point:?}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_and_a_request_to_stop_is_obeyed() {
        let Some(device) = crate::testing::device() else { return };
        let refused = |change: &dyn Fn(&mut ComparisonSettings)| {
            let mut changed = settings(true);
            change(&mut changed);
            compared(&device, None, &changed).unwrap_err().to_string()
        };
        assert!(refused(&|one| one.k = 1..=5).contains("1 to 5"));
        assert!(refused(&|one| one.k = RangeInclusive::new(5, 4)).contains("5 to 4"));
        assert!(refused(&|one| one.n_init = 0).contains("n_init"));
        for weights in [&[] as &[f32], &[1.0; 3], &[1.0; 8]] {
            let error = compared(&device, Some(weights), &settings(true)).unwrap_err().to_string();
            assert!(error.contains(&format!("the number of weights is {}", weights.len())), "{error}");
        }
        let columns = vec!["a".to_string()];
        let stop = AtomicBool::new(false);
        let mut done = 0;
        let rows = ComparedRows { values: &[0.0, 1.0, 2.0, 3.0], columns: &columns, weights: None };
        let error = compare(&device, rows, &settings(true), &stop, &mut |_| {
            done += 1;
            stop.store(true, Ordering::Relaxed);
        });
        assert!(matches!(error, Err(ClusterError::Stopped)) && done == 1);
    }
}

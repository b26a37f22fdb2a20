//! Figure 5 of the paper: the silhouette of every method over the number of clusters, as the original script runs them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::{
    BirchSettings, Comparison, CountedRows, Curve, CurvePoint, KMeans, Linkage, Mark, Method, Metric, OpticsSettings,
    SilhouetteScorer, silhouette_without_noise, weighted,
};
use crate::cluster::ClusterError;
use crate::profiles::Device;

/// Lloyd iterations of a restart at most, in the original script.
const ITERATIONS: u32 = 500;

/// A method, with the settings of the original script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedMethod {
    /// k-means++ and Lloyd's iterations, the best of some restarts.
    Kmeans,
    /// Complete linkage, manhattan.
    Agglomerative,
    /// Affinity exp(−d²).
    Spectral,
    /// Threshold 0.36.
    Birch,
    /// Three rows within 0.5, euclidean; finds its own number of clusters.
    Dbscan,
    /// Five rows, hamming; finds its own number of clusters.
    Optics,
}

impl ComparedMethod {
    /// Every method, in the order of the figure.
    pub const ALL: [ComparedMethod; 6] = [
        ComparedMethod::Kmeans,
        ComparedMethod::Agglomerative,
        ComparedMethod::Spectral,
        ComparedMethod::Birch,
        ComparedMethod::Dbscan,
        ComparedMethod::Optics,
    ];

    /// Its name, as `lineament cluster --method` takes it.
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

    /// Whether it finds its own number of clusters.
    pub fn finds_clusters(self) -> bool {
        matches!(self, ComparedMethod::Dbscan | ComparedMethod::Optics)
    }

    /// The method with its settings, and these in words.
    fn method(self, n_init: u32, seed: u64) -> (Method, String) {
        let kmeans = KMeans { k: 0, n_init, seed, tolerance: 1e-4, iterations: ITERATIONS, initial: None };
        match self {
            ComparedMethod::Kmeans => (Method::Kmeans(kmeans), format!("k-means++, best of {n_init} restarts")),
            ComparedMethod::Agglomerative => {
                let (linkage, metric) = (Linkage::Complete, Metric::Manhattan);
                (Method::Agglomerative { linkage, metric }, "complete linkage, manhattan".into())
            }
            ComparedMethod::Spectral => {
                // The original leaves scikit-learn's ten restarts.
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

/// How methods are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonSettings {
    /// Methods, in the order in which they run.
    pub methods: Vec<ComparedMethod>,
    /// Numbers of clusters, for the methods that take one; from 2.
    pub k: RangeInclusive<usize>,
    /// Restarts of k-means for each k; the original has 20.
    pub n_init: u32,
    /// Seed of the restarts.
    pub seed: u64,
    /// Whether rows that are alike are clustered once and counted, where a method takes counts; the result is the same.
    pub compress: bool,
}

/// What is compared on.
#[derive(Debug, Clone, Copy)]
pub struct ComparedRows<'a> {
    /// `[n, columns.len()]` row-major.
    pub values: &'a [f32],
    /// Names of the columns.
    pub columns: &'a [String],
    /// What the columns are multiplied by before clustering, `[columns]`, and where that comes from. The silhouette is of the
    /// columns as they are, as in the original, with that of the weighted ones beside it.
    pub weights: Option<(&'a str, &'a [f32])>,
}

/// What has been reached: a method, and the number of clusters it is at, of how many.
#[derive(Debug, Clone, Copy)]
pub struct ComparisonProgress {
    /// The method.
    pub method: ComparedMethod,
    /// Clusterings of it that are done.
    pub done: usize,
    /// Clusterings of it in all.
    pub of: usize,
}

/// Compares methods on rows, on the GPU; `stop` is looked at before each clustering.
///
/// A k above the number of distinct rows, or with as many clusters as rows, gets a point without a silhouette.
///
/// # Errors
/// Rows, weights or settings that make no sense, [`ClusterError::Stopped`], or whatever the device reports.
pub fn compare(
    device: &Device,
    rows: ComparedRows,
    settings: &ComparisonSettings,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(ComparisonProgress),
) -> Result<Comparison, ClusterError> {
    let at = Comparer::new(rows, settings)?;
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
                    // The methods say so themselves where there are too few rows to tell apart.
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
        adapter: None,
        command: None,
    })
}

/// The rows in every form that methods and silhouettes want.
struct Comparer {
    /// The rows as they are.
    plain: CountedRows,
    /// Distinct ones among them.
    plain_distinct: usize,
    /// The weighted rows, where there are weights.
    weighted: Option<CountedRows>,
    /// Distinct ones among those that are clustered: one weight of 0 makes rows alike.
    distinct: usize,
}

impl Comparer {
    fn new(rows: ComparedRows, settings: &ComparisonSettings) -> Result<Comparer, ClusterError> {
        let columns = rows.columns.len();
        let n = rows.values.len() / columns.max(1);
        if settings.k.is_empty() || *settings.k.start() < 2 {
            return Err(ClusterError::Setting {
                name: "the range of k",
                value: format!("{} to {}", settings.k.start(), settings.k.end()),
                expected: "from 2 upwards, as one cluster has no silhouette",
            });
        }
        let count = |values: &[f32]| -> Result<(CountedRows, usize), ClusterError> {
            let distinct = CountedRows::distinct(values, n, columns)?;
            let held = distinct.len();
            Ok((if settings.compress { distinct } else { CountedRows::every(values, n, columns)? }, held))
        };
        let (plain, plain_distinct) = count(rows.values)?;
        let weighted = rows.weights.map(|(_, weights)| count(&weighted(rows.values, weights))).transpose()?;
        let distinct = weighted.as_ref().map_or(plain_distinct, |(_, distinct)| *distinct);
        Ok(Comparer { plain, plain_distinct, weighted: weighted.map(|(rows, _)| rows), distinct })
    }

    /// What is clustered.
    fn clustered(&self) -> &CountedRows {
        self.weighted.as_ref().unwrap_or(&self.plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 60 rows of 4 columns of 0 and 1: 16 distinct ones at most.
    fn values() -> Vec<f32> {
        let bit = |index: usize| (index.wrapping_mul(index).wrapping_mul(2_654_435_761) >> 13) & 1;
        (0..240).map(|index| bit(index + 1) as f32).collect()
    }

    fn settings(compress: bool) -> ComparisonSettings {
        ComparisonSettings { methods: ComparedMethod::ALL.to_vec(), k: 2..=20, n_init: 3, seed: 0, compress }
    }

    fn compared(weights: Option<&[f32]>, settings: &ComparisonSettings) -> Result<Comparison, ClusterError> {
        let device = Device::open(&Default::default()).unwrap();
        let columns: Vec<String> = (0..4).map(|column| column.to_string()).collect();
        let weights = weights.map(|weights| ("rare", weights));
        let rows = ComparedRows { values: &values(), columns: &columns, weights };
        compare(&device, rows, settings, &AtomicBool::new(false), &mut |_| {})
    }

    #[test]
    fn curves_end_where_rows_do_and_score_doubles_there() {
        let found = compared(None, &settings(true)).unwrap();
        let distinct = found.distinct_rows;
        let counted = CountedRows::distinct(&values(), 60, 4).unwrap();
        let doubles: u32 = counted.counts.iter().filter(|count| **count > 1).sum();
        assert!((10..=16).contains(&distinct), "{distinct}");
        for curve in &found.curves {
            let points = &curve.points;
            assert_eq!((points.len(), points[0].k), (19, 2));
            assert!(points.iter().all(|one| one.silhouette.is_some() == (one.k <= distinct)), "{}: {points:?}", curve.method);
            let last = points[distinct - 2].silhouette.unwrap();
            assert!((last - f64::from(doubles) / 60.0).abs() < 1e-6, "{}: {last}, {doubles} doubles", curve.method);
        }
        assert_eq!(found.gaps().len(), found.curves.len());
        found.check().unwrap();
    }

    #[test]
    fn weights_give_a_second_silhouette_and_may_make_rows_alike() {
        let plain = compared(None, &settings(true)).unwrap();
        let found = compared(Some(&[0.0, 1.0, 0.5, 2.0]), &settings(true)).unwrap();
        assert_eq!((found.distinct_rows, found.weights.as_str()), (plain.distinct_rows, "rare"));
        for point in &found.curves[0].points {
            assert_eq!(point.silhouette.is_some(), point.k <= 8, "without a column there are 8 distinct rows at most");
            assert_eq!(point.silhouette_weighted.is_some(), point.k <= 8);
            assert!(point.silhouette_weighted > point.silhouette || point.k > 8, "{point:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_a_stop_is_heard() {
        let refused = |change: &dyn Fn(&mut ComparisonSettings)| {
            let mut changed = settings(true);
            change(&mut changed);
            compared(None, &changed).unwrap_err().to_string()
        };
        assert!(refused(&|one| one.k = 1..=5).contains("1 to 5"));
        assert!(refused(&|one| one.k = RangeInclusive::new(5, 4)).contains("5 to 4"));
        assert!(refused(&|one| one.n_init = 0).contains("n_init"));
        let device = Device::open(&Default::default()).unwrap();
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

//! Figure 5 of the paper: the silhouette of every method over the number of clusters, as the original script runs them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::rows::Rows;
use super::{Comparison, CountedRows, Curve, CurvePoint, KMeans, Mark, Metric, silhouette};
use crate::cluster::ClusterError;
use crate::gpu::Gpu;

/// Lloyd iterations of a restart at most, in the original script.
const ITERATIONS: u32 = 500;

/// A method, with the settings of the original script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedMethod {
    /// k-means++ and Lloyd's iterations, the best of some restarts.
    Kmeans,
}

impl ComparedMethod {
    /// Every method, in the order of the figure.
    pub const ALL: [ComparedMethod; 1] = [ComparedMethod::Kmeans];

    /// Its name, as `lineament cluster --method` takes it.
    pub fn name(self) -> &'static str {
        match self {
            ComparedMethod::Kmeans => "kmeans",
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
    gpu: &Gpu,
    rows: ComparedRows,
    settings: &ComparisonSettings,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(ComparisonProgress),
) -> Result<Comparison, ClusterError> {
    let at = Comparer::new(gpu, rows, settings)?;
    let (mut curves, marks): (Vec<Curve>, Vec<Mark>) = (Vec::new(), Vec::new());
    let mut seconds = BTreeMap::new();
    for &method in &settings.methods {
        let started = Instant::now();
        let of = settings.k.clone().count();
        let mut points = Vec::with_capacity(of);
        let mut clustering = at.prepare(method)?;
        for (done, k) in settings.k.clone().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(ClusterError::Stopped);
            }
            progress(ComparisonProgress { method, done, of });
            let labels = if k > at.distinct { None } else { Some(clustering(k)?) };
            points.push(at.point(k, labels.as_deref())?);
        }
        curves.push(Curve { method: method.name().into(), settings: at.words(method), points });
        seconds.insert(method.name().to_string(), started.elapsed().as_secs_f64());
    }
    Ok(Comparison {
        rows: at.n,
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

/// Labels of the rows held, for a number of clusters.
type Clustering<'a> = Box<dyn FnMut(usize) -> Result<Vec<u32>, ClusterError> + 'a>;

/// The rows in every form that methods and silhouettes want.
struct Comparer<'a> {
    gpu: &'a Gpu,
    settings: &'a ComparisonSettings,
    /// Rows.
    n: usize,
    /// The rows as they are, `[n, columns]`.
    plain: &'a [f32],
    /// Distinct ones among them.
    plain_distinct: usize,
    /// The weighted rows, where there are weights.
    weighted: Option<Vec<f32>>,
    /// What is clustered.
    clustered: CountedRows,
    /// Distinct rows among these: one weight of 0 makes rows alike.
    distinct: usize,
}

impl<'a> Comparer<'a> {
    fn new(gpu: &'a Gpu, rows: ComparedRows<'a>, settings: &'a ComparisonSettings) -> Result<Comparer<'a>, ClusterError> {
        let columns = rows.columns.len();
        let n = rows.values.len() / columns.max(1);
        let setting = |name, value: String, expected| Err(ClusterError::Setting { name, value, expected });
        if settings.k.is_empty() || *settings.k.start() < 2 {
            let range = format!("{} to {}", settings.k.start(), settings.k.end());
            return setting("the range of k", range, "from 2 upwards, as one cluster has no silhouette");
        }
        let distinct = |values: &[f32]| Ok::<_, ClusterError>(Rows::new("row", values, n, columns)?.distinct(&vec![1.0; n], n));
        let plain_distinct = distinct(rows.values)?;
        let weighted = rows.weights.map(|(_, weights)| -> Vec<f32> {
            rows.values
                .chunks_exact(columns)
                .flat_map(|row| row.iter().zip(weights).map(|(value, weight)| value * weight))
                .collect()
        });
        let values = weighted.as_deref().unwrap_or(rows.values);
        Ok(Comparer {
            gpu,
            settings,
            n,
            plain: rows.values,
            plain_distinct,
            clustered: if settings.compress {
                CountedRows::distinct(values, n, columns)?
            } else {
                CountedRows::every(values, n, columns)?
            },
            distinct: distinct(values)?,
            weighted,
        })
    }

    /// A method made ready to cluster for one k after the other.
    fn prepare(&self, method: ComparedMethod) -> Result<Clustering<'_>, ClusterError> {
        let rows = &self.clustered;
        match method {
            ComparedMethod::Kmeans => {
                let counts: Vec<f32> = rows.counts.iter().map(|count| *count as f32).collect();
                let ComparisonSettings { n_init, seed, .. } = *self.settings;
                Ok(Box::new(move |k| {
                    let settings = KMeans { k, n_init, seed, tolerance: 1e-4, iterations: ITERATIONS, initial: None };
                    Ok(settings.fit_weighted(self.gpu, &rows.values, &counts, rows.len(), rows.columns)?.labels)
                }))
            }
        }
    }

    /// The settings of a method in words.
    fn words(&self, method: ComparedMethod) -> String {
        match method {
            ComparedMethod::Kmeans => format!("k-means++, best of {} restarts", self.settings.n_init),
        }
    }

    /// The silhouettes of a clustering of the rows held.
    fn point(&self, k: usize, labels: Option<&[u32]>) -> Result<CurvePoint, ClusterError> {
        let Some(labels) = labels else { return Ok(CurvePoint { k, silhouette: None, silhouette_weighted: None }) };
        let labels: Vec<i64> = self.clustered.expand(labels).into_iter().map(i64::from).collect();
        let weighted = self.weighted.as_deref().map(|weighted| self.score(weighted, &labels)).transpose()?.flatten();
        Ok(CurvePoint { k, silhouette: self.score(self.plain, &labels)?, silhouette_weighted: weighted })
    }

    /// The mean silhouette of `[n, columns]` rows, where it is defined.
    fn score(&self, values: &[f32], labels: &[i64]) -> Result<Option<f64>, ClusterError> {
        let rows = CountedRows::distinct(values, self.n, self.clustered.columns)?;
        match silhouette(self.gpu, &rows, labels, Metric::Euclidean) {
            Ok(silhouette) => Ok(Some(silhouette.mean)),
            Err(ClusterError::SilhouetteLabels { .. }) => Ok(None),
            Err(error) => Err(error),
        }
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
        let gpu = Gpu::open(&Default::default()).unwrap();
        let columns: Vec<String> = (0..4).map(|column| column.to_string()).collect();
        let weights = weights.map(|weights| ("rare", weights));
        let rows = ComparedRows { values: &values(), columns: &columns, weights };
        compare(&gpu, rows, settings, &AtomicBool::new(false), &mut |_| {})
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
        let gpu = Gpu::open(&Default::default()).unwrap();
        let columns = vec!["a".to_string()];
        let stop = AtomicBool::new(false);
        let mut done = 0;
        let rows = ComparedRows { values: &[0.0, 1.0, 2.0, 3.0], columns: &columns, weights: None };
        let error = compare(&gpu, rows, &settings(true), &stop, &mut |_| {
            done += 1;
            stop.store(true, Ordering::Relaxed);
        });
        assert!(matches!(error, Err(ClusterError::Stopped)) && done == 1);
    }
}

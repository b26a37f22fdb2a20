//! One way to call every method: settings and rows in, a label for each row out.

use super::pairwise::{condensed, neighbours};
use super::{
    Birch, BirchSettings, ClusterError, CountedRows, KMeans, Linkage, Metric, OpticsSettings, Spectral, Tree, agglomerate,
    dbscan, optics,
};
use crate::profiles::Device;

/// A method of clustering with its settings, but for the number of clusters.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// k-means++ and Lloyd's iterations; the settings' own k is that of [`Prepared::cluster`].
    Kmeans(KMeans),
    /// A tree of joins, cut where k clusters are left.
    Agglomerative {
        /// How far clusters are apart.
        linkage: Linkage,
        /// How far rows are apart.
        metric: Metric,
    },
    /// What dense rows reach; finds its own k.
    Dbscan {
        /// How far a neighbour may be.
        radius: f32,
        /// Rows within the radius of a dense row, itself among them.
        min_samples: u32,
        /// How far rows are apart.
        metric: Metric,
    },
    /// Subclusters in a tree, whose centres Ward's linkage joins.
    Birch(BirchSettings),
    /// Steep falls of reachability; finds its own k.
    Optics {
        /// Neighbours and steepness.
        settings: OpticsSettings,
        /// How far rows are apart.
        metric: Metric,
    },
    /// k-means among the smoothest functions of the graph of neighbours.
    Spectral {
        /// Affinity is exp(−gamma d²).
        gamma: f64,
        /// Restarts of k-means.
        n_init: u32,
        /// Seed of the restarts.
        seed: u64,
    },
}

/// What a method found.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// Cluster of each of the rows, `[n]`, in `0..k`; −1 is noise.
    pub labels: Vec<i64>,
    /// Number of clusters.
    pub k: usize,
    /// Σ of the squared distances of all rows to their centres, for methods that have centres.
    pub inertia: Option<f64>,
}

/// A method that has seen its rows and gives any number of clusters of them.
pub struct Prepared<'a> {
    rows: &'a CountedRows,
    /// Distinct rows among these, where the method does not count them itself.
    distinct: Option<usize>,
    state: State<'a>,
}

enum State<'a> {
    Kmeans(&'a KMeans),
    /// Of the rows held.
    Tree(Tree),
    /// The tree joins the centres.
    Birch(Birch, Tree),
    Spectral(Spectral, KMeans),
    /// A method that finds its own number of clusters has found it.
    Found(Clustering),
}

impl Method {
    /// The method as `lineament cluster --method` names it.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Kmeans(_) => "kmeans",
            Method::Agglomerative { .. } => "agglomerative",
            Method::Dbscan { .. } => "dbscan",
            Method::Birch(_) => "birch",
            Method::Optics { .. } => "optics",
            Method::Spectral { .. } => "spectral",
        }
    }

    /// Does what all numbers of clusters have in common. Rows that are alike are taken together where that is exact; Birch, OPTICS
    /// and spectral clustering see every row.
    ///
    /// # Errors
    /// Rows that do not fit the method or the adapter, or whatever the device reports.
    pub fn prepare<'a>(&'a self, device: &Device, rows: &'a CountedRows) -> Result<Prepared<'a>, ClusterError> {
        let state = match self {
            Method::Kmeans(settings) => State::Kmeans(settings),
            Method::Agglomerative { linkage, metric } => {
                linkage.check(*metric, rows)?;
                State::Tree(agglomerate(*linkage, condensed(device, rows, *metric)?, &rows.counts, &rows.last_rows()))
            }
            Method::Dbscan { radius, min_samples, metric } => {
                let near = neighbours(device, rows, *metric, *radius)?;
                let found = dbscan(&near.counts, *min_samples, &near.lists);
                State::Found(Clustering::of(rows.expand(&found.labels)))
            }
            Method::Birch(settings) => {
                let birch = Birch::fit(rows, *settings)?;
                let centers = birch.center_rows()?;
                let tree = agglomerate(
                    Linkage::Ward,
                    condensed(device, &centers, Metric::Euclidean)?,
                    &centers.counts,
                    &centers.last_rows(),
                );
                State::Birch(birch, tree)
            }
            Method::Optics { settings, metric } => {
                State::Found(Clustering::of(optics(&condensed(device, &rows.every_row(), *metric)?, *settings)?.labels))
            }
            Method::Spectral { gamma, n_init, seed } => {
                Spectral::check(rows.total())?;
                let (n_init, seed) = (*n_init, *seed);
                let kmeans = KMeans { k: 0, n_init, seed, tolerance: 1e-4, iterations: 300, initial: None };
                State::Spectral(Spectral::new(&condensed(device, &rows.every_row(), Metric::Euclidean)?, *gamma)?, kmeans)
            }
        };
        let distinct = match state {
            State::Tree(_) | State::Spectral(..) => Some(CountedRows::distinct(&rows.values, rows.len(), rows.columns)?.len()),
            _ => None,
        };
        Ok(Prepared { rows, distinct, state })
    }

    /// Clusters rows into `k` clusters, or as many as the method finds.
    ///
    /// # Errors
    /// As [`Method::prepare`] and [`Prepared::cluster`].
    pub fn cluster(&self, device: &Device, rows: &CountedRows, k: usize) -> Result<Clustering, ClusterError> {
        self.prepare(device, rows)?.cluster(device, k)
    }
}

impl Clustering {
    fn of(labels: Vec<i64>) -> Clustering {
        let k = labels.iter().max().map_or(0, |label| (label + 1).max(0) as usize);
        Clustering { labels, k, inertia: None }
    }
}

impl Prepared<'_> {
    /// The rows in `k` clusters; a method that finds its own number takes no notice of it.
    ///
    /// # Errors
    /// More clusters than rows are distinct, or whatever the device reports.
    pub fn cluster(&self, device: &Device, k: usize) -> Result<Clustering, ClusterError> {
        if let Some(distinct) = self.distinct.filter(|distinct| k > *distinct) {
            return Err(ClusterError::TooManyClusters { k, distinct, rows: self.rows.total() });
        }
        match &self.state {
            State::Kmeans(settings) => {
                let fit = KMeans { k, ..(*settings).clone() }.fit_counted(device, self.rows)?;
                let labels: Vec<i64> = fit.labels.iter().map(|label| i64::from(*label)).collect();
                Ok(Clustering { labels: self.rows.expand(&labels), k, inertia: Some(fit.inertia) })
            }
            State::Tree(tree) => Ok(Clustering { k, ..Clustering::of(self.rows.expand(&tree.cut(k)?)) }),
            State::Birch(birch, tree) => {
                birch.check(k)?;
                Ok(Clustering { k, ..Clustering::of(birch.labels(&tree.cut(k)?)) })
            }
            State::Spectral(spectral, kmeans) => {
                let n = self.rows.total();
                let fit = KMeans { k, ..kmeans.clone() }.fit(device, &spectral.embedding(k)?, n, k)?;
                Ok(Clustering { labels: fit.labels.iter().map(|label| i64::from(*label)).collect(), k, inertia: None })
            }
            State::Found(found) => Ok(found.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four heaps of nine rows of 0 and 1 that differ in four of eight columns, with some rows alike.
    fn heaps() -> CountedRows {
        let row = |index: usize| {
            let (heap, member) = (index % 4, index / 4);
            (0..8).map(move |column| f32::from(u8::from((column / 2 == heap) != (member % 3 == 1 && column == 2 * heap))))
        };
        CountedRows::distinct(&(0..36).flat_map(row).collect::<Vec<f32>>(), 36, 8).unwrap()
    }

    #[test]
    fn every_method_finds_heaps_that_lie_apart() {
        let device = Device::open(&Default::default()).unwrap();
        let rows = heaps();
        assert!(rows.len() < 36);
        let kmeans = KMeans { k: 0, n_init: 5, seed: 0, tolerance: 1e-4, iterations: 300, initial: None };
        let (metric, settings) = (Metric::Hamming, OpticsSettings { min_samples: 5, xi: 0.05 });
        let mut methods = vec![
            Method::Kmeans(kmeans),
            Method::Dbscan { radius: 1.0, min_samples: 3, metric: Metric::Euclidean },
            Method::Birch(BirchSettings { threshold: 0.36, branching_factor: 50 }),
            Method::Optics { settings, metric },
            Method::Spectral { gamma: 1.0, n_init: 5, seed: 0 },
        ];
        for linkage in [Linkage::Ward, Linkage::Complete, Linkage::Average, Linkage::Single] {
            methods.push(Method::Agglomerative { linkage, metric: Metric::Euclidean });
        }
        for method in methods {
            for rows in [&rows, &rows.every_row()] {
                let found = method.cluster(&device, rows, 4).unwrap();
                let pairs = (0..36).flat_map(|a| (0..36).map(move |b| (a, b)));
                let apart = pairs.filter(|(a, b)| (found.labels[*a] == found.labels[*b]) != (a % 4 == b % 4)).count();
                assert_eq!((found.k, apart), (4, 0), "{}: {:?}", method.name(), found.labels);
                if !matches!(method, Method::Dbscan { .. } | Method::Optics { .. }) {
                    let error = method.cluster(&device, rows, 20).unwrap_err().to_string();
                    assert!(error.contains("k is 20"), "{}: {error}", method.name());
                }
            }
        }
    }
}

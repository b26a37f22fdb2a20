//! A common interface to all clustering methods: it takes settings and rows, and returns a label for each row.

use super::pairwise::{condensed, neighbours};
use super::{
    Birch, BirchSettings, ClusterError, CountedRows, KMeans, Linkage, Metric, OpticsSettings, Spectral, Tree, agglomerate,
    dbscan, optics,
};
use crate::profiles::Device;

/// A clustering method with all its settings except the number of clusters k, which [`Prepared::cluster`] takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// k-means with k-means++ seeding. [`Prepared::cluster`] replaces the `k` of these settings.
    Kmeans(KMeans),
    /// Agglomerative clustering: it builds a tree of merges and cuts it where k clusters are left.
    Agglomerative {
        /// Distance between two clusters.
        linkage: Linkage,
        /// Distance between two rows.
        metric: Metric,
    },
    /// DBSCAN: regions of densely packed rows become clusters. The method finds its own number of clusters.
    Dbscan {
        /// Largest distance between two neighbours (scikit-learn's `eps`).
        radius: f32,
        /// Number of rows within the radius, the row itself included, that make a row a core row.
        min_samples: u32,
        /// Distance between two rows.
        metric: Metric,
    },
    /// Birch: it builds a tree of subclusters and merges their centres by Ward's linkage.
    Birch(BirchSettings),
    /// OPTICS: clusters lie between steep changes of reachability. The method finds its own number of clusters.
    Optics {
        /// Number of neighbours and steepness of a change.
        settings: OpticsSettings,
        /// Distance between two rows.
        metric: Metric,
    },
    /// Spectral clustering: k-means on the eigenvectors of the affinity graph's Laplacian that have the smallest eigenvalues.
    Spectral {
        /// The factor γ in exp(−γ d²), the affinity of two rows at euclidean distance d.
        gamma: f64,
        /// Number of restarts of k-means.
        n_init: u32,
        /// Seed of the random numbers of all restarts.
        seed: u64,
    },
}

/// The clusters that a method found among `n` rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// Cluster of each row, shape `[n]`, in `0..k`; −1 marks noise.
    pub labels: Vec<i64>,
    /// Number of clusters; noise is not counted.
    pub k: usize,
    /// Sum of the squared distances of all rows to the centres of their clusters; only k-means sets it.
    pub inertia: Option<f64>,
}

/// A method that has done, for some rows, the work that does not depend on the number of clusters.
pub struct Prepared<'a> {
    rows: &'a CountedRows,
    /// Number of distinct rows, for methods that do not check k against it themselves.
    distinct: Option<usize>,
    state: State<'a>,
}

enum State<'a> {
    Kmeans(&'a KMeans),
    /// The merge tree of the stored rows.
    Tree(Tree),
    /// The subclusters, and the merge tree of their centres.
    Birch(Birch, Tree),
    Spectral(Spectral, KMeans),
    /// The result of a method that finds its own number of clusters.
    Found(Clustering),
}

impl Method {
    /// Returns the name of the method, as `lineament cluster --method` takes it.
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

    /// Does the work that does not depend on the number of clusters, such as computing distances or building a tree.
    ///
    /// k-means, agglomerative clustering and DBSCAN process each stored row once and weight it by its count. Birch, OPTICS and
    /// spectral clustering process every original row, because their result depends on each of them.
    ///
    /// # Errors
    /// Fails if a setting is out of range, if the rows exceed a limit of the method or of the adapter, or if the device fails.
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

    /// Clusters `rows` into `k` clusters. DBSCAN and OPTICS ignore `k`.
    ///
    /// # Errors
    /// Fails as [`Method::prepare`] and [`Prepared::cluster`] do.
    pub fn cluster(&self, device: &Device, rows: &CountedRows, k: usize) -> Result<Clustering, ClusterError> {
        self.prepare(device, rows)?.cluster(device, k)
    }
}

impl Clustering {
    /// Returns the clustering with these labels; k is one more than the largest of them.
    fn of(labels: Vec<i64>) -> Clustering {
        let k = labels.iter().max().map_or(0, |label| (label + 1).max(0) as usize);
        Clustering { labels, k, inertia: None }
    }
}

impl Prepared<'_> {
    /// Clusters the rows into `k` clusters. DBSCAN and OPTICS ignore `k`.
    ///
    /// # Errors
    /// Fails if `k` is 0 or above the number of distinct rows (for Birch, above the number of subclusters), or if the device
    /// fails.
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

    /// Returns 36 rows of eight columns in four groups of nine. Row i belongs to group i % 4 and has ones in the two columns of
    /// its group; a third of the rows lack one of the two, and many rows repeat.
    fn four_groups() -> CountedRows {
        let row = |index: usize| {
            let (group, member) = (index % 4, index / 4);
            (0..8).map(move |column| f32::from(u8::from((column / 2 == group) != (member % 3 == 1 && column == 2 * group))))
        };
        CountedRows::distinct(&(0..36).flat_map(row).collect::<Vec<f32>>(), 36, 8).unwrap()
    }

    #[test]
    fn every_method_separates_four_distant_groups() {
        let Some(device) = crate::testing::device() else { return };
        let rows = four_groups();
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

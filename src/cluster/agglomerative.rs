//! Agglomerative clustering: the two nearest clusters merge repeatedly, which gives a tree that is cut at any number of clusters.

use super::{ClusterError, CondensedDistances, CountedRows, Metric};

/// The distance between two clusters A and B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// √(2 |A| |B| / (|A| + |B|)) times the euclidean distance between the means of A and B, as in scikit-learn.
    Ward,
    /// The largest distance between a row of A and a row of B.
    Complete,
    /// The mean distance between the rows of A and the rows of B.
    Average,
    /// The smallest distance between a row of A and a row of B.
    Single,
}

impl Linkage {
    /// Checks that the linkage and the rows can be used with the metric.
    ///
    /// # Errors
    /// [`ClusterError::WardMetric`] for Ward's linkage with another metric than the euclidean one. [`ClusterError::ZeroRow`] for
    /// the cosine metric with a row of zeros, which scikit-learn refuses too; the error names the first such original row.
    pub fn check(self, metric: Metric, rows: &CountedRows) -> Result<(), ClusterError> {
        if self == Linkage::Ward && metric != Metric::Euclidean {
            return Err(ClusterError::WardMetric);
        }
        let is_zero = |stored: &u32| rows.row(*stored as usize).iter().all(|value| *value == 0.0);
        match rows.of_row.iter().position(is_zero) {
            Some(row) if metric == Metric::Cosine => Err(ClusterError::ZeroRow { row }),
            _ => Ok(()),
        }
    }

    /// Returns the distance from a cluster of `size` rows to the union of two other clusters by the formulas of Lance and
    /// Williams (1967). `first` and `second` are the cluster's distances to the two, and `between` is the distance between the
    /// two.
    fn update(self, [first, second]: [f64; 2], between: f64, [first_size, second_size, size]: [f64; 3]) -> f64 {
        match self {
            Linkage::Ward => {
                let sum = (first_size + size) * first * first + (second_size + size) * second * second - size * between * between;
                (sum / (first_size + second_size + size)).max(0.0).sqrt()
            }
            Linkage::Complete => first.max(second),
            Linkage::Average => (first_size * first + second_size * second) / (first_size + second_size),
            Linkage::Single => first.min(second),
        }
    }
}

/// A merge of two clusters of the tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// The two merged nodes, the lower number first. For `m` stored rows, numbers below `m` are rows, and `m + i` is the cluster
    /// that merge `i` made.
    pub children: [usize; 2],
    /// Distance between the two, by the linkage.
    pub distance: f64,
}

/// The tree of all merges of `m` stored rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The m − 1 merges in ascending order of their distances.
    pub merges: Vec<Merge>,
    /// Number of stored rows, `m`.
    stored: usize,
    /// Number of original rows.
    total: usize,
}

/// Builds the tree of `m` stored rows, where row i counts as `counts[i]` rows; `counts` has shape `[m]`.
///
/// `distances` are those of the metric, which must be euclidean for Ward's linkage. They are overwritten with the distances
/// between the growing clusters, so that memory is m (m − 1) / 2 f32 values and a few vectors of length m. The arithmetic is in
/// f64. Ward, complete and average linkage follow chains of nearest neighbours; single linkage grows a minimum spanning tree.
/// Both take O(m²) time.
///
/// Ties are broken as in SciPy. A cluster is identified by its last original row. Of several equally near clusters, the one with
/// the lowest identifier is taken, but the previous cluster of the chain takes precedence. A chain starts at the cluster with the
/// lowest identifier, and the spanning tree at row 0. Merges at equal distances stay in the order in which they were found.
/// `last_rows`, shape `[m]`, gives the last original row of each stored row ([`CountedRows::last_rows`]), so that counted rows
/// break ties as all original rows would.
///
/// Rows of 0/1 attributes have many ties. On such rows, another way to break them gives another tree, and so does another order
/// of the rows. If distances are not whole numbers, their rounding to f32 also affects which of them tie.
pub fn agglomerate(linkage: Linkage, mut distances: CondensedDistances, counts: &[u32], last_rows: &[u32]) -> Tree {
    let pairs = match linkage {
        Linkage::Single => spanning_tree(&distances),
        _ => {
            if linkage == Linkage::Ward {
                scale_for_ward(&mut distances, counts);
            }
            chains(linkage, &mut distances, counts, last_rows)
        }
    };
    let total = counts.iter().map(|count| *count as usize).sum();
    Tree { merges: number_nodes(pairs, counts.len()), stored: counts.len(), total }
}

/// Turns euclidean distances between rows into Ward's distances between clusters of `counts[i]` equal rows: two rows with counts
/// a and b get √(2 a b / (a + b)) times their distance.
fn scale_for_ward(distances: &mut CondensedDistances, counts: &[u32]) {
    let pairs = (0..counts.len()).flat_map(|i| (i + 1..counts.len()).map(move |j| (i, j)));
    for (value, (i, j)) in distances.values.iter_mut().zip(pairs) {
        let (a, b) = (f64::from(counts[i]), f64::from(counts[j]));
        *value = (f64::from(*value) * (2.0 * a * b / (a + b)).sqrt()) as f32;
    }
}

/// A merge before the nodes are numbered: a row of each of the two clusters, and the distance between the clusters.
type Pair = (usize, usize, f64);

/// Finds all merges by chains of nearest neighbours, for Ward, complete and average linkage.
fn chains(linkage: Linkage, distances: &mut CondensedDistances, counts: &[u32], last_rows: &[u32]) -> Vec<Pair> {
    let n = counts.len();
    let mut sizes: Vec<f64> = counts.iter().map(|count| f64::from(*count)).collect();
    // Each cluster is represented by the stored row that contains its last original row; ascending by that.
    let mut active: Vec<usize> = (0..n).collect();
    active.sort_by_key(|row| last_rows[*row]);
    let mut chain: Vec<usize> = Vec::new();
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    while active.len() > 1 {
        let tip = *chain.last().unwrap_or(&active[0]);
        if chain.is_empty() {
            chain.push(tip);
        }
        let previous = chain.len().checked_sub(2).map(|at| chain[at]);
        let mut nearest = previous.map(|row| (row, distances.get(tip, row)));
        for &row in active.iter().filter(|row| **row != tip) {
            let distance = distances.get(tip, row);
            if nearest.is_none_or(|(_, smallest)| distance < smallest) {
                nearest = Some((row, distance));
            }
        }
        let Some((neighbour, smallest)) = nearest else { break };
        if previous != Some(neighbour) {
            chain.push(neighbour);
            continue;
        }
        chain.truncate(chain.len() - 2);
        let (kept, gone) = if last_rows[tip] > last_rows[neighbour] { (tip, neighbour) } else { (neighbour, tip) };
        let between = f64::from(smallest);
        active.retain(|row| *row != gone);
        for &row in active.iter().filter(|row| **row != kept) {
            let apart = [distances.get(kept, row), distances.get(gone, row)].map(f64::from);
            let updated = linkage.update(apart, between, [sizes[kept], sizes[gone], sizes[row]]);
            // The merged clusters were nearest to each other, so no distance to their union is smaller than that between them.
            // Rounding must not make it smaller, or a later merge would sort before an earlier one.
            distances.values[CondensedDistances::position(n, kept, row)] = updated.max(between) as f32;
        }
        sizes[kept] += sizes[gone];
        pairs.push((kept, gone, between));
    }
    pairs
}

/// Finds all merges of single linkage: the edges of the minimum spanning tree, grown from row 0 by Prim's algorithm.
fn spanning_tree(distances: &CondensedDistances) -> Vec<Pair> {
    let n = distances.n;
    let mut outside: Vec<usize> = (1..n).collect();
    let mut nearest: Vec<(usize, f32)> = vec![(0, f32::INFINITY); n];
    let mut newest = 0;
    let mut pairs = Vec::with_capacity(n.saturating_sub(1));
    while !outside.is_empty() {
        let mut best = 0;
        for (at, &row) in outside.iter().enumerate() {
            let distance = distances.get(newest, row);
            if distance < nearest[row].1 {
                nearest[row] = (newest, distance);
            }
            if nearest[row].1 < nearest[outside[best]].1 {
                best = at;
            }
        }
        newest = outside.remove(best);
        pairs.push((nearest[newest].0, newest, f64::from(nearest[newest].1)));
    }
    pairs
}

/// Sorts merges by distance and numbers the nodes as scikit-learn does (see [`Merge::children`]).
fn number_nodes(mut pairs: Vec<Pair>, n: usize) -> Vec<Merge> {
    pairs.sort_by(|one, other| one.2.total_cmp(&other.2));
    let mut parent: Vec<usize> = (0..n + pairs.len()).collect();
    let mut merges = Vec::with_capacity(pairs.len());
    for (at, (first, second, distance)) in pairs.into_iter().enumerate() {
        let (first, second) = (root(&mut parent, first), root(&mut parent, second));
        (parent[first], parent[second]) = (n + at, n + at);
        merges.push(Merge { children: [first.min(second), first.max(second)], distance });
    }
    merges
}

/// Returns the root of the tree that contains `node`. It shortens the path to the root on the way (path halving).
fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

impl Tree {
    /// Returns the labels of the `m` stored rows, shape `[m]`, in `k` clusters: those that exist before the last k − 1 merges.
    /// Clusters are numbered in the order in which they first occur among the stored rows.
    ///
    /// # Errors
    /// [`ClusterError::Setting`] if `k` is 0, and [`ClusterError::TooManyClusters`] if it is above the number of stored rows.
    pub fn cut(&self, k: usize) -> Result<Vec<i64>, ClusterError> {
        if k == 0 {
            return Err(ClusterError::Setting { name: "k", value: k.to_string(), expected: "at least 1" });
        }
        if k > self.stored {
            return Err(ClusterError::TooManyClusters { k, distinct: self.stored, rows: self.total });
        }
        let mut parent: Vec<usize> = (0..self.stored + self.merges.len()).collect();
        for (at, merge) in self.merges[..self.stored - k].iter().enumerate() {
            for child in merge.children {
                parent[child] = self.stored + at;
            }
        }
        let mut number_of = vec![-1; parent.len()];
        let mut next = 0;
        let label = |row| {
            let number = &mut number_of[root(&mut parent, row)];
            if *number < 0 {
                *number = next;
                next += 1;
            }
            *number
        };
        Ok((0..self.stored).map(label).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKAGES: [Linkage; 4] = [Linkage::Ward, Linkage::Complete, Linkage::Average, Linkage::Single];

    /// Returns the distances between points on a line.
    fn line(places: &[f32]) -> CondensedDistances {
        let values = places.iter().enumerate().flat_map(|(i, a)| places[i + 1..].iter().map(move |b| (a - b).abs()));
        CondensedDistances { n: places.len(), values: values.collect() }
    }

    #[test]
    fn every_linkage_computes_the_distance_of_its_definition() {
        let places = [0.0, 2.0, 7.0, 0.0];
        for (linkage, expected) in LINKAGES.into_iter().zip([7.0 - 2.0 / 3.0, 7.0, 19.0 / 3.0, 5.0]) {
            let tree = agglomerate(linkage, line(&places), &[1; 4], &[0, 1, 2, 3]);
            let expected = if linkage == Linkage::Ward { expected * (2.0f64 * 3.0 / 4.0).sqrt() } else { expected };
            assert!((tree.merges[2].distance - expected).abs() < 1e-6, "{linkage:?}: {:?}", tree.merges);
            assert_eq!([tree.merges[0].children, tree.merges[1].children, tree.merges[2].children], [[0, 3], [1, 4], [2, 5]]);
        }
    }

    #[test]
    fn counted_rows_give_the_same_clusters_as_all_rows() {
        let (places, counts) = ([0.0, 1.0, 2.5, 4.75, 9.0, 14.5], [3u32, 1, 2, 5, 1, 2]);
        let every: Vec<f32> = places.iter().zip(counts).flat_map(|(place, count)| vec![*place; count as usize]).collect();
        for linkage in LINKAGES {
            let counted = agglomerate(linkage, line(&places), &counts, &[2, 3, 5, 10, 11, 13]);
            let all = agglomerate(linkage, line(&every), &[1; 14], &(0..14).collect::<Vec<u32>>());
            let zeros = every.len() - places.len();
            for (merge, other) in counted.merges.iter().zip(&all.merges[zeros..]) {
                assert!((merge.distance - other.distance).abs() < 1e-5, "{linkage:?}");
            }
            for k in 1..=places.len() {
                let labels = counted.cut(k).expect("enough rows");
                let expanded: Vec<i64> =
                    labels.iter().zip(counts).flat_map(|(label, count)| vec![*label; count as usize]).collect();
                assert_eq!(expanded, all.cut(k).expect("enough rows"), "{linkage:?} {k}");
            }
            assert!(matches!(counted.cut(7), Err(ClusterError::TooManyClusters { k: 7, distinct: 6, rows: 14 })));
            assert!(matches!(counted.cut(0), Err(ClusterError::Setting { .. })));
        }
    }

    #[test]
    fn of_equally_near_rows_the_lowest_merge_first() {
        for linkage in LINKAGES {
            let tree = agglomerate(linkage, line(&[0.0, 1.0, 2.0, 3.0]), &[1; 4], &[0, 1, 2, 3]);
            assert_eq!(tree.merges[0].children, [0, 1], "{linkage:?}");
        }
        assert!(agglomerate(Linkage::Ward, line(&[1.0]), &[2], &[1]).merges.is_empty());
    }

    #[test]
    fn counted_rows_break_ties_as_all_rows_do() {
        // Rows of 0 and 1 with repetitions and many ties.
        let bit =
            |row: usize, column: usize| f32::from(u8::from((row * row * 7 + row * 3 + column * column * 5) % (11 + column) < 5));
        let values: Vec<f32> = (0..60).flat_map(|row| (0..4).map(move |column| bit(row, column))).collect();
        let distinct = CountedRows::distinct(&values, 60, 4).expect("sixty rows");
        let every = distinct.every_row();
        let apart = |rows: &CountedRows| {
            let pairs = (0..rows.len()).flat_map(|i| (i + 1..rows.len()).map(move |j| (i, j)));
            let distance = |(i, j)| rows.row(i).iter().zip(rows.row(j)).map(|(a, b): (&f32, &f32)| (a - b).abs()).sum();
            CondensedDistances { n: rows.len(), values: pairs.map(distance).collect() }
        };
        assert!(distinct.len() > 8 && distinct.len() < 17, "{}", distinct.len());
        for linkage in [Linkage::Complete, Linkage::Single] {
            let [of_distinct, of_every] =
                [&distinct, &every].map(|rows| agglomerate(linkage, apart(rows), &rows.counts, &rows.last_rows()));
            for k in 1..=distinct.len() {
                let labels = distinct.expand(&of_distinct.cut(k).expect("enough rows"));
                assert_eq!(labels, of_every.cut(k).expect("enough rows"), "{linkage:?} {k}");
            }
        }
    }

    #[test]
    fn a_metric_that_the_linkage_or_the_rows_do_not_allow_is_refused() {
        let rows = CountedRows::distinct(&[1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 3, 2).expect("three rows");
        assert!(matches!(Linkage::Ward.check(Metric::Manhattan, &rows), Err(ClusterError::WardMetric)));
        assert!(matches!(Linkage::Average.check(Metric::Cosine, &rows), Err(ClusterError::ZeroRow { row: 2 })));
        assert!(Linkage::Ward.check(Metric::Euclidean, &rows).is_ok());
    }
}

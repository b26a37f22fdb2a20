//! Agglomerative clustering: rows merge, two nearest clusters at a time, into one tree that is cut at any number of clusters.

use super::{ClusterError, CondensedDistances, CountedRows, Metric};

/// How far apart two clusters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linkage {
    /// √(2 |A| |B| / (|A| + |B|)) times the euclidean distance of the means, as scikit-learn has it.
    Ward,
    /// The largest distance between their rows.
    Complete,
    /// The mean distance between their rows.
    Average,
    /// The smallest distance between their rows.
    Single,
}

impl Linkage {
    /// Checks that the linkage, the metric and the rows go together.
    ///
    /// # Errors
    /// [`ClusterError::WardMetric`] for Ward with another metric than the euclidean, [`ClusterError::ZeroRow`] for cosine
    /// distances with a row of zeros, as scikit-learn refuses them; the row is the first such of all that `rows` stand for.
    pub fn check(self, metric: Metric, rows: &CountedRows) -> Result<(), ClusterError> {
        if self == Linkage::Ward && metric != Metric::Euclidean {
            return Err(ClusterError::WardMetric);
        }
        let is_zero = |held: &u32| rows.row(*held as usize).iter().all(|value| *value == 0.0);
        match rows.of_row.iter().position(is_zero) {
            Some(row) if metric == Metric::Cosine => Err(ClusterError::ZeroRow { row }),
            _ => Ok(()),
        }
    }

    /// Lance and Williams' distance from a cluster of `size` rows to the union of two clusters.
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

/// Two clusters that become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// The two nodes, the lower first: below m a row, m + i the cluster of merge i.
    pub children: [usize; 2],
    /// Their distance.
    pub distance: f64,
}

/// All merges of m held rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// m − 1 merges, nearest first.
    pub merges: Vec<Merge>,
    held: usize,
    total: usize,
}

/// The tree of `counts.len()` rows, of which each stands for as many as its count says.
///
/// `distances` are the metric's own, for Ward the euclidean ones; they are overwritten in place with those of the growing
/// clusters, so that memory is n (n − 1) / 2 f32 and some vectors of n. The arithmetic is in f64. Ward, complete and average
/// linkage follow chains of nearest neighbours, single linkage grows a minimum spanning tree: O(n²) time either way.
///
/// Ties, as SciPy has them: a cluster goes by its last row, and of clusters equally near the one with the lowest such is
/// nearest, but for the previous of the chain, which goes first; chains start at the lowest, the spanning tree at the first
/// row; merges of one distance stay in the order they were found. `last_rows` says which row is the last that each held row
/// stands for ([`CountedRows::last_rows`]), so that rows alike settle ties as they would one by one. On rows full of ties
/// (0/1 attributes) other rules give other trees, and so do other orders of the rows; where distances are not whole numbers,
/// so does their rounding to f32.
pub fn agglomerate(linkage: Linkage, mut distances: CondensedDistances, counts: &[u32], last_rows: &[u32]) -> Tree {
    let pairs = match linkage {
        Linkage::Single => spanning_tree(&distances),
        _ => {
            if linkage == Linkage::Ward {
                weigh(&mut distances, counts);
            }
            chains(linkage, &mut distances, counts, last_rows)
        }
    };
    let total = counts.iter().map(|count| *count as usize).sum();
    Tree { merges: number_nodes(pairs, counts.len()), held: counts.len(), total }
}

/// Ward's distances of clusters that are counted rows: √(2 a b / (a + b)) times that of the rows.
fn weigh(distances: &mut CondensedDistances, counts: &[u32]) {
    let pairs = (0..counts.len()).flat_map(|i| (i + 1..counts.len()).map(move |j| (i, j)));
    for (value, (i, j)) in distances.values.iter_mut().zip(pairs) {
        let (a, b) = (f64::from(counts[i]), f64::from(counts[j]));
        *value = (f64::from(*value) * (2.0 * a * b / (a + b)).sqrt()) as f32;
    }
}

/// Two rows, one of each cluster that merges, and the distance.
type Pair = (usize, usize, f64);

fn chains(linkage: Linkage, distances: &mut CondensedDistances, counts: &[u32], last_rows: &[u32]) -> Vec<Pair> {
    let n = counts.len();
    let mut sizes: Vec<f64> = counts.iter().map(|count| f64::from(*count)).collect();
    // A cluster goes by its last row; ascending.
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
            // Neither is nearer than the two are to each other; rounding must not undo that, or a parent would sort first.
            distances.values[CondensedDistances::position(n, kept, row)] = updated.max(between) as f32;
        }
        sizes[kept] += sizes[gone];
        pairs.push((kept, gone, between));
    }
    pairs
}

/// Prim's minimum spanning tree from row 0.
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

/// Sorts merges by distance and names the nodes as scikit-learn does.
fn number_nodes(mut pairs: Vec<Pair>, n: usize) -> Vec<Merge> {
    pairs.sort_by(|one, other| one.2.total_cmp(&other.2));
    let mut above: Vec<usize> = (0..n + pairs.len()).collect();
    let mut merges = Vec::with_capacity(pairs.len());
    for (at, (first, second, distance)) in pairs.into_iter().enumerate() {
        let (first, second) = (root(&mut above, first), root(&mut above, second));
        (above[first], above[second]) = (n + at, n + at);
        merges.push(Merge { children: [first.min(second), first.max(second)], distance });
    }
    merges
}

/// The topmost node above one, shortening the way to it.
fn root(above: &mut [usize], mut node: usize) -> usize {
    while above[node] != node {
        above[node] = above[above[node]];
        node = above[node];
    }
    node
}

impl Tree {
    /// Labels of the m held rows in `k` clusters, those that stand before the last k − 1 merges; clusters are numbered in
    /// the order in which they first occur among the rows.
    ///
    /// # Errors
    /// [`ClusterError::Setting`] if `k` is 0, [`ClusterError::TooManyClusters`] if it is above the number of held rows.
    pub fn cut(&self, k: usize) -> Result<Vec<i64>, ClusterError> {
        if k == 0 {
            return Err(ClusterError::Setting { name: "k", value: k.to_string(), expected: "at least 1" });
        }
        if k > self.held {
            return Err(ClusterError::TooManyClusters { k, distinct: self.held, rows: self.total });
        }
        let mut above: Vec<usize> = (0..self.held + self.merges.len()).collect();
        for (at, merge) in self.merges[..self.held - k].iter().enumerate() {
            for child in merge.children {
                above[child] = self.held + at;
            }
        }
        let mut number_of = vec![-1; above.len()];
        let mut next = 0;
        let label = |row| {
            let number = &mut number_of[root(&mut above, row)];
            if *number < 0 {
                *number = next;
                next += 1;
            }
            *number
        };
        Ok((0..self.held).map(label).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKAGES: [Linkage; 4] = [Linkage::Ward, Linkage::Complete, Linkage::Average, Linkage::Single];

    fn line(places: &[f32]) -> CondensedDistances {
        let values = places.iter().enumerate().flat_map(|(i, a)| places[i + 1..].iter().map(move |b| (a - b).abs()));
        CondensedDistances { n: places.len(), values: values.collect() }
    }

    #[test]
    fn linkages_measure_clusters_as_defined() {
        let places = [0.0, 2.0, 7.0, 0.0];
        for (linkage, expected) in LINKAGES.into_iter().zip([7.0 - 2.0 / 3.0, 7.0, 19.0 / 3.0, 5.0]) {
            let tree = agglomerate(linkage, line(&places), &[1; 4], &[0, 1, 2, 3]);
            let expected = if linkage == Linkage::Ward { expected * (2.0f64 * 3.0 / 4.0).sqrt() } else { expected };
            assert!((tree.merges[2].distance - expected).abs() < 1e-6, "{linkage:?}: {:?}", tree.merges);
            assert_eq!([tree.merges[0].children, tree.merges[1].children, tree.merges[2].children], [[0, 3], [1, 4], [2, 5]]);
        }
    }

    #[test]
    fn counted_rows_merge_as_all_rows_do() {
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
    fn the_lowest_of_rows_equally_near_merges_first() {
        for linkage in LINKAGES {
            let tree = agglomerate(linkage, line(&[0.0, 1.0, 2.0, 3.0]), &[1; 4], &[0, 1, 2, 3]);
            assert_eq!(tree.merges[0].children, [0, 1], "{linkage:?}");
        }
        assert!(agglomerate(Linkage::Ward, line(&[1.0]), &[2], &[1]).merges.is_empty());
    }

    #[test]
    fn rows_alike_settle_ties_as_they_would_one_by_one() {
        // Rows of 0 and 1 that repeat, full of ties.
        let bit =
            |row: usize, column: usize| f32::from(u8::from((row * row * 7 + row * 3 + column * column * 5) % (11 + column) < 5));
        let values: Vec<f32> = (0..60).flat_map(|row| (0..4).map(move |column| bit(row, column))).collect();
        let held = CountedRows::distinct(&values, 60, 4).expect("sixty rows");
        let every = held.every_row();
        let apart = |rows: &CountedRows| {
            let pairs = (0..rows.len()).flat_map(|i| (i + 1..rows.len()).map(move |j| (i, j)));
            let distance = |(i, j)| rows.row(i).iter().zip(rows.row(j)).map(|(a, b): (&f32, &f32)| (a - b).abs()).sum();
            CondensedDistances { n: rows.len(), values: pairs.map(distance).collect() }
        };
        assert!(held.len() > 8 && held.len() < 17, "{}", held.len());
        for linkage in [Linkage::Complete, Linkage::Single] {
            let [of_held, of_every] =
                [&held, &every].map(|rows| agglomerate(linkage, apart(rows), &rows.counts, &rows.last_rows()));
            for k in 1..=held.len() {
                let labels = held.expand(&of_held.cut(k).expect("enough rows"));
                assert_eq!(labels, of_every.cut(k).expect("enough rows"), "{linkage:?} {k}");
            }
        }
    }

    #[test]
    fn settings_that_do_not_go_together_are_refused() {
        let rows = CountedRows::distinct(&[1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 3, 2).expect("three rows");
        assert!(matches!(Linkage::Ward.check(Metric::Manhattan, &rows), Err(ClusterError::WardMetric)));
        assert!(matches!(Linkage::Average.check(Metric::Cosine, &rows), Err(ClusterError::ZeroRow { row: 2 })));
        assert!(Linkage::Ward.check(Metric::Euclidean, &rows).is_ok());
    }
}

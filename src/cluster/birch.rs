//! Birch (Zhang et al. 1996), as implemented by scikit-learn 1.5: rows are inserted one by one into a tree of subclusters, and
//! the centres of the subclusters are then clustered.

use super::{ClusterError, CountedRows};

/// Settings of Birch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BirchSettings {
    /// Maximum radius of a subcluster: the square root of the mean squared distance of its rows to its centre. The paper on
    /// facial attributes uses 0.36.
    pub threshold: f64,
    /// Maximum number of subclusters in a node of the tree. scikit-learn's default is 50.
    pub branching_factor: usize,
}

/// The `s` subclusters of `n` rows. They do not depend on the number of clusters: a label for each subcluster gives a label for
/// each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Birch {
    /// Number of columns.
    pub columns: usize,
    /// Centres of the subclusters in the order of the tree's leaves, row-major with shape `[s, columns]`.
    pub centers: Vec<f64>,
    /// Index of the subcluster whose centre is nearest to each original row, shape `[n]`; of equally near ones the lowest.
    pub nearest: Vec<u32>,
    threshold: f64,
}

impl Birch {
    /// Builds the tree of subclusters.
    ///
    /// Every original row is inserted in its order, even if it repeats, because the tree depends on the order of the rows. Rows
    /// that are stored once only save time in the search for the nearest centres.
    ///
    /// # Errors
    /// [`ClusterError::Empty`] without rows, [`ClusterError::Setting`] if the threshold is not above 0 or the branching factor is
    /// less than 2.
    pub fn fit(rows: &CountedRows, settings: BirchSettings) -> Result<Birch, ClusterError> {
        let BirchSettings { threshold, branching_factor } = settings;
        let setting = |name, value: String, expected| Err(ClusterError::Setting { name, value, expected });
        if !(threshold > 0.0 && threshold.is_finite()) {
            return setting("the threshold", threshold.to_string(), "a number above 0");
        }
        if branching_factor < 2 {
            return setting("the branching factor", branching_factor.to_string(), "at least 2");
        }
        if rows.is_empty() {
            return Err(ClusterError::Empty { rows: 0, columns: rows.columns });
        }
        let widened: Vec<Vec<f64>> = (0..rows.len()).map(|row| rows.row(row).iter().map(|v| f64::from(*v)).collect()).collect();
        let mut tree = CfTree::new(threshold * threshold, branching_factor);
        for stored in &rows.of_row {
            tree.insert(&widened[*stored as usize]);
        }
        let centers: Vec<&Subcluster> = tree.leaves().collect();
        let nearest: Vec<u32> = widened.iter().map(|row| nearest(centers.iter().copied(), row) as u32).collect();
        let centers = centers.iter().flat_map(|subcluster| &subcluster.center).copied().collect();
        Ok(Birch { columns: rows.columns, centers, nearest: rows.expand(&nearest), threshold })
    }

    /// Returns the number of subclusters, `s`.
    pub fn subclusters(&self) -> usize {
        self.centers.len() / self.columns
    }

    /// Returns the centres as rows for the last step of Birch, which clusters them by Ward's linkage. As in scikit-learn, each
    /// centre counts once, no matter how many rows its subcluster has.
    ///
    /// # Errors
    /// [`ClusterError::NotFinite`] if a value of a centre is not finite or its magnitude is above 1e15.
    pub fn center_rows(&self) -> Result<CountedRows, ClusterError> {
        let values: Vec<f32> = self.centers.iter().map(|value| *value as f32).collect();
        CountedRows::every(&values, self.subclusters(), self.columns)
    }

    /// Checks that there are enough subclusters for `k` clusters. In that case scikit-learn only warns and returns fewer
    /// clusters.
    ///
    /// # Errors
    /// [`ClusterError::TooFewSubclusters`] if `k` is above the number of subclusters.
    pub fn check(&self, k: usize) -> Result<(), ClusterError> {
        let subclusters = self.subclusters();
        if k > subclusters {
            return Err(ClusterError::TooFewSubclusters { k, subclusters, threshold: self.threshold });
        }
        Ok(())
    }

    /// Converts labels of the subclusters, `[s]`, into labels of the original rows, `[n]`.
    pub fn labels(&self, of_subcluster: &[i64]) -> Vec<i64> {
        self.nearest.iter().map(|subcluster| of_subcluster[*subcluster as usize]).collect()
    }
}

/// A clustering feature: the statistics of the rows of a subcluster from which its centre and radius follow.
#[derive(Debug, Clone)]
struct Subcluster {
    /// Number of rows.
    rows: f64,
    /// Sum of the rows, `[columns]`.
    sum: Vec<f64>,
    /// Sum of the rows' squared norms.
    squares: f64,
    /// Mean of the rows, `[columns]`.
    center: Vec<f64>,
    /// Squared norm of the centre.
    center_square: f64,
    /// Index of the node that divides the subcluster further; `None` in a leaf.
    child: Option<usize>,
}

impl Subcluster {
    /// Returns the subcluster of a single row.
    fn of_row(row: &[f64]) -> Subcluster {
        let square = dot(row, row);
        Subcluster { rows: 1.0, sum: row.to_vec(), squares: square, center: row.to_vec(), center_square: square, child: None }
    }

    /// Returns the subcluster of all rows of the subclusters `parts` of node `child`.
    fn of_node(parts: &[Subcluster], child: usize) -> Subcluster {
        let mut whole = Subcluster { child: Some(child), ..parts[0].clone() };
        parts[1..].iter().for_each(|part| whole.update(part));
        whole
    }

    /// Adds the rows of another subcluster.
    fn update(&mut self, other: &Subcluster) {
        self.rows += other.rows;
        self.squares += other.squares;
        self.sum.iter_mut().zip(&other.sum).for_each(|(sum, value)| *sum += value);
        self.center = self.sum.iter().map(|sum| sum / self.rows).collect();
        self.center_square = dot(&self.center, &self.center);
    }

    /// Adds the rows of another subcluster if the radius r of the union does not exceed the threshold, where
    /// r² = Σ‖x‖² / n − ‖centre‖². Returns whether it did.
    fn merge(&mut self, other: &Subcluster, squared_threshold: f64) -> bool {
        let (rows, squares) = (self.rows + other.rows, self.squares + other.squares);
        let sum: Vec<f64> = self.sum.iter().zip(&other.sum).map(|(a, b)| a + b).collect();
        // `update` divides instead. scikit-learn rounds the two differently as well, and ties depend on the rounding.
        let share = 1.0 / rows;
        let center: Vec<f64> = sum.iter().map(|sum| share * sum).collect();
        let center_square = dot(&center, &center);
        let fits = squares / rows - center_square <= squared_threshold;
        if fits {
            *self = Subcluster { rows, sum, squares, center, center_square, child: self.child };
        }
        fits
    }
}

/// Returns the dot product of two vectors.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns the index of the subcluster whose centre c is nearest to a row x, which minimises ‖c‖² − 2 c·x; of equally near ones
/// the first.
fn nearest<'a>(subclusters: impl IntoIterator<Item = &'a Subcluster>, row: &[f64]) -> usize {
    let mut best = (0, f64::INFINITY);
    for (index, subcluster) in subclusters.into_iter().enumerate() {
        let distance = subcluster.center_square - 2.0 * dot(&subcluster.center, row);
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best.0
}

/// A node of the tree.
struct Node {
    subclusters: Vec<Subcluster>,
    /// Index of the leaf after this one; `None` for the last leaf and for inner nodes.
    next_leaf: Option<usize>,
}

/// A tree of clustering features. Node 0 is always the first leaf, because the first half of a split node keeps the node's index.
struct CfTree {
    nodes: Vec<Node>,
    root: usize,
    squared_threshold: f64,
    branching_factor: usize,
}

impl CfTree {
    /// Returns a tree with a single, empty leaf.
    fn new(squared_threshold: f64, branching_factor: usize) -> CfTree {
        CfTree { nodes: vec![Node { subclusters: Vec::new(), next_leaf: None }], root: 0, squared_threshold, branching_factor }
    }

    /// Inserts a row, `[columns]`.
    fn insert(&mut self, row: &[f64]) {
        let row = Subcluster::of_row(row);
        if self.insert_into(self.root, &row) {
            let halves = self.split(self.root);
            self.root = self.nodes.len();
            self.nodes.push(Node { subclusters: halves.into(), next_leaf: None });
        }
    }

    /// Inserts a row below a node, and returns whether the node now has more subclusters than the branching factor allows.
    fn insert_into(&mut self, node: usize, row: &Subcluster) -> bool {
        let subclusters = &mut self.nodes[node].subclusters;
        if subclusters.is_empty() {
            subclusters.push(row.clone());
            return false;
        }
        let closest = nearest(subclusters.iter(), &row.center);
        let Some(child) = subclusters[closest].child else {
            if subclusters[closest].merge(row, self.squared_threshold) {
                return false;
            }
            subclusters.push(row.clone());
            return subclusters.len() > self.branching_factor;
        };
        if !self.insert_into(child, row) {
            self.nodes[node].subclusters[closest].update(row);
            return false;
        }
        let [first, second] = self.split(child);
        let subclusters = &mut self.nodes[node].subclusters;
        subclusters[closest] = first;
        subclusters.push(second);
        subclusters.len() > self.branching_factor
    }

    /// Splits a node in two around its two subclusters that are farthest apart; each half takes the subclusters nearer to its
    /// one. Returns the subclusters that represent the halves.
    fn split(&mut self, node: usize) -> [Subcluster; 2] {
        let subclusters = std::mem::take(&mut self.nodes[node].subclusters);
        let distance = |i: usize, j: usize| {
            let (a, b): (&Subcluster, &Subcluster) = (&subclusters[i], &subclusters[j]);
            // The operations follow scikit-learn's order, because ties depend on the rounding; i and j are not interchangeable.
            let squared = -2.0 * dot(&a.center, &b.center) + a.center_square + b.center_square;
            if i == j { 0.0 } else { squared.max(0.0) }
        };
        let count = subclusters.len();
        let mut farthest = (0, 0, 0.0);
        for (i, j) in (0..count).flat_map(|i| (0..count).map(move |j| (i, j))) {
            let apart = distance(i, j);
            if apart > farthest.2 {
                farthest = (i, j, apart);
            }
        }
        let (one, other, _) = farthest;
        let nearer_one: Vec<bool> = (0..count).map(|i| i == one || distance(one, i) < distance(other, i)).collect();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (subcluster, nearer_one) in subclusters.into_iter().zip(nearer_one) {
            if nearer_one { first.push(subcluster) } else { second.push(subcluster) }
        }
        let added = self.nodes.len();
        let halves = [Subcluster::of_node(&first, node), Subcluster::of_node(&second, added)];
        let is_leaf = first[0].child.is_none();
        let next_leaf = self.nodes[node].next_leaf;
        self.nodes.push(Node { subclusters: second, next_leaf });
        self.nodes[node] = Node { subclusters: first, next_leaf: is_leaf.then_some(added) };
        halves
    }

    /// Iterates over the subclusters of all leaves, in the order of the leaves.
    fn leaves(&self) -> impl Iterator<Item = &Subcluster> {
        let leaves = std::iter::successors(Some(0), |leaf: &usize| self.nodes[*leaf].next_leaf);
        leaves.flat_map(|leaf| &self.nodes[leaf].subclusters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds the subclusters of rows of one column.
    fn fit(values: &[f32], threshold: f64, branching_factor: usize) -> Birch {
        let rows = CountedRows::every(values, values.len(), 1).unwrap();
        Birch::fit(&rows, BirchSettings { threshold, branching_factor }).unwrap()
    }

    #[test]
    fn rows_within_the_radius_share_a_subcluster() {
        let found = fit(&[0.0, 0.25, 8.0, 8.5, 0.5, 32.0], 0.5, 50);
        assert_eq!(found.centers, [0.25, 8.25, 32.0]);
        assert_eq!(found.nearest, [0, 0, 1, 1, 0, 2]);
        assert_eq!(found.labels(&[4, 7, 4]), [4, 4, 7, 7, 4, 4]);
        assert!(found.check(3).is_ok());
        assert!(matches!(found.check(4), Err(ClusterError::TooFewSubclusters { k: 4, subclusters: 3, .. })));
    }

    #[test]
    fn in_a_deep_tree_every_distinct_row_has_its_own_subcluster() {
        let values: Vec<f32> = (0..200).map(|i| ((i * 77) % 200) as f32).collect();
        let found = fit(&values, 0.1, 2);
        let mut centers = found.centers.clone();
        centers.sort_by(f64::total_cmp);
        assert_eq!(centers, (0..200).map(f64::from).collect::<Vec<f64>>());
        for (value, nearest) in values.iter().zip(&found.nearest) {
            assert_eq!(found.centers[*nearest as usize], f64::from(*value));
        }
    }

    #[test]
    fn counted_rows_give_the_same_tree_as_all_rows() {
        let values = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let every = CountedRows::every(&values, values.len(), 1).unwrap();
        let distinct = CountedRows::distinct(&values, values.len(), 1).unwrap();
        let settings = BirchSettings { threshold: 0.36, branching_factor: 50 };
        assert_eq!(Birch::fit(&every, settings).unwrap(), Birch::fit(&distinct, settings).unwrap());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let rows = CountedRows::every(&[0.0, 1.0], 2, 1).unwrap();
        for (threshold, branching_factor) in [(0.0, 50), (-1.0, 50), (f64::NAN, 50), (f64::INFINITY, 50), (0.5, 1)] {
            assert!(matches!(
                Birch::fit(&rows, BirchSettings { threshold, branching_factor }),
                Err(ClusterError::Setting { .. })
            ));
        }
    }
}

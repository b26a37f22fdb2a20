//! The distances between all pairs of rows, each stored once.

/// The distances between all pairs (i, j) of `n` rows with i < j, ordered by i and then by j as in SciPy's `pdist`.
#[derive(Debug, Clone, PartialEq)]
pub struct CondensedDistances {
    /// Number of rows.
    pub n: usize,
    /// The distances, shape `[n (n − 1) / 2]`.
    pub values: Vec<f32>,
}

impl CondensedDistances {
    /// Returns the number of bytes of the distances between `n` rows.
    pub fn bytes(n: usize) -> u64 {
        let n = n as u64;
        4 * (n * n.saturating_sub(1) / 2)
    }

    /// Returns the index in `values` of the distance between two different rows `i` and `j` of `n` rows.
    pub fn position(n: usize, i: usize, j: usize) -> usize {
        let (i, j) = if i < j { (i, j) } else { (j, i) };
        i * (2 * n - i - 1) / 2 + j - i - 1
    }

    /// Returns the distance between two rows; it is 0 from a row to itself.
    pub fn get(&self, i: usize, j: usize) -> f32 {
        if i == j { 0.0 } else { self.values[Self::position(self.n, i, j)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_enumerate_the_pairs_in_order() {
        let n = 7;
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        for (expected, (i, j)) in pairs.enumerate() {
            assert_eq!(CondensedDistances::position(n, i, j), expected);
            assert_eq!(CondensedDistances::position(n, j, i), expected);
        }
        let distances = CondensedDistances { n: 3, values: vec![1.0, 2.0, 3.0] };
        assert_eq!([distances.get(0, 2), distances.get(2, 1), distances.get(1, 1)], [2.0, 3.0, 0.0]);
        assert_eq!(CondensedDistances::bytes(20_000), 4 * 199_990_000);
    }
}

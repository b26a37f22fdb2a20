//! Spectral clustering: it embeds the rows by eigenvectors of an affinity graph, and clusters the embedded rows by k-means.

use nalgebra::{DMatrix, SymmetricEigen};

use super::{ClusterError, CondensedDistances};

/// The eigendecomposition of the normalised Laplacian of an affinity graph. It does not depend on the number of clusters.
///
/// The graph connects every two different rows at euclidean distance d with the affinity exp(−γ d²). With the affinity matrix W,
/// whose diagonal is 0, and the diagonal matrix D of its row sums (the degrees), the Laplacian is I − D^−½ W D^−½. This is the
/// matrix that scikit-learn's `SpectralClustering` with the RBF affinity decomposes.
#[derive(Debug, Clone)]
pub struct Spectral {
    /// All eigenvalues in ascending order, shape `[n]`.
    pub eigenvalues: Vec<f64>,
    /// Sum of the affinities of each row, shape `[n]`.
    pub degrees: Vec<f64>,
    /// The eigenvectors in the order of the eigenvalues, each entry divided by the square root of its row's degree. Shape `[n,
    /// n]` with one eigenvector after the other.
    vectors: Vec<f64>,
}

impl Spectral {
    /// Maximum number of rows. The decomposition takes about 9 n³ operations and memory for three n × n matrices of f64.
    pub const LIMIT: usize = 2000;

    /// Checks the number of rows, so that too many are refused before their distances are computed.
    ///
    /// # Errors
    /// [`ClusterError::TooManyRows`] above [`Spectral::LIMIT`].
    pub fn check(n: usize) -> Result<(), ClusterError> {
        if n > Self::LIMIT {
            let (bytes, operations) = (24 * (n as u64).pow(2), 9.0 * (n as f64).powi(3));
            return Err(ClusterError::TooManyRows {
                method: "spectral clustering",
                rows: n,
                bytes,
                operations,
                limit: Self::LIMIT,
            });
        }
        Ok(())
    }

    /// Decomposes the Laplacian of the graph of rows with the given euclidean distances. `gamma` is the factor γ of the affinity.
    ///
    /// Every original row must be present by itself, as [`CountedRows::every`](super::CountedRows::every) stores them: equal rows
    /// are connected with affinity 1 and contribute to each other's degrees.
    ///
    /// # Errors
    /// [`ClusterError::Empty`] without rows, [`ClusterError::TooManyRows`] above [`Spectral::LIMIT`] rows, and
    /// [`ClusterError::Setting`] if `gamma` is not a finite number above 0.
    pub fn new(distances: &CondensedDistances, gamma: f64) -> Result<Spectral, ClusterError> {
        let n = distances.n;
        if n == 0 {
            return Err(ClusterError::Empty { rows: 0, columns: 0 });
        }
        Self::check(n)?;
        if !(gamma > 0.0 && gamma.is_finite()) {
            return Err(ClusterError::Setting { name: "gamma", value: gamma.to_string(), expected: "a number above 0" });
        }
        let affinity = |i: usize, j: usize| if i == j { 0.0 } else { (-gamma * f64::from(distances.get(i, j)).powi(2)).exp() };
        let mut laplacian = DMatrix::from_fn(n, n, affinity);
        let degrees: Vec<f64> = laplacian.column_iter().map(|column| column.sum()).collect();
        // A row of degree 0 has 0 on the diagonal of the Laplacian and is divided by 1, as in SciPy's Laplacian.
        let roots: Vec<f64> = degrees.iter().map(|degree| if *degree > 0.0 { degree.sqrt() } else { 1.0 }).collect();
        for (j, mut column) in laplacian.column_iter_mut().enumerate() {
            for (i, value) in column.iter_mut().enumerate() {
                let diagonal = if i == j && degrees[i] > 0.0 { 1.0 } else { 0.0 };
                *value = diagonal - *value / (roots[i] * roots[j]);
            }
        }
        let eigen = SymmetricEigen::new(laplacian);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|one, other| eigen.eigenvalues[*one].total_cmp(&eigen.eigenvalues[*other]));
        let mut vectors = Vec::with_capacity(n * n);
        for &at in &order {
            let scaled: Vec<f64> = eigen.eigenvectors.column(at).iter().zip(&roots).map(|(value, root)| value / root).collect();
            let largest = scaled.iter().copied().reduce(|one, other| if other.abs() > one.abs() { other } else { one });
            let sign = if largest.is_some_and(|value| value < 0.0) { -1.0 } else { 1.0 };
            vectors.extend(scaled.iter().map(|value| sign * value));
        }
        Ok(Spectral { eigenvalues: order.iter().map(|at| eigen.eigenvalues[*at]).collect(), degrees, vectors })
    }

    /// Returns the rows embedded by the eigenvectors of the `k` smallest eigenvalues, row-major with shape `[n, k]`, for k-means
    /// to cluster. The sign of an eigenvector is chosen so that its entry of largest magnitude is positive; of several such
    /// entries the first decides.
    ///
    /// # Errors
    /// [`ClusterError::TooManyClusters`] if `k` is above the number of rows, and [`ClusterError::Setting`] if it is 0.
    pub fn embedding(&self, k: usize) -> Result<Vec<f32>, ClusterError> {
        let n = self.degrees.len();
        if k == 0 {
            return Err(ClusterError::Setting { name: "k", value: k.to_string(), expected: "at least 1" });
        }
        if k > n {
            return Err(ClusterError::TooManyClusters { k, distinct: n, rows: n });
        }
        Ok((0..n).flat_map(|row| (0..k).map(move |axis| self.vectors[axis * n + row] as f32)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_of_the_second_coordinate_separates_two_distant_groups() {
        let places = [0.0f32, 0.5, 3.0, 3.5, 1.0];
        let values = places.iter().enumerate().flat_map(|(i, a)| places[i + 1..].iter().map(move |b| (a - b).abs()));
        let spectral = Spectral::new(&CondensedDistances { n: 5, values: values.collect() }, 1.0).expect("five rows");
        assert!(spectral.eigenvalues[0].abs() < 1e-12 && spectral.eigenvalues[1] < 0.2, "{:?}", spectral.eigenvalues);
        let embedding = spectral.embedding(2).expect("two of five");
        let constant: Vec<f32> = embedding.iter().step_by(2).copied().collect();
        assert!(constant.iter().all(|value| (value - constant[0]).abs() < 1e-6 && *value > 0.0), "{constant:?}");
        let positive: Vec<bool> = embedding.iter().skip(1).step_by(2).map(|value| *value > 0.0).collect();
        assert_eq!(positive, [false, false, true, true, false]);
    }

    #[test]
    fn settings_and_numbers_of_rows_out_of_range_are_refused() {
        let too_many = CondensedDistances { n: Spectral::LIMIT + 1, values: Vec::new() };
        let message = Spectral::new(&too_many, 1.0).expect_err("too many").to_string();
        assert!(message.contains("96096024 bytes") && message.contains("k-means"), "{message}");
        let one = CondensedDistances { n: 1, values: Vec::new() };
        assert!(matches!(Spectral::new(&one, f64::NAN), Err(ClusterError::Setting { .. })));
        let alone = Spectral::new(&one, 1.0).expect("one row");
        assert_eq!((alone.eigenvalues.as_slice(), alone.embedding(1).expect("one")), (&[0.0][..], vec![1.0]));
        assert!(matches!(alone.embedding(2), Err(ClusterError::TooManyClusters { .. })));
    }
}

//! Rows stored once with a count of how often each occurs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::ClusterError;
use super::rows::Rows;

/// `m` stored rows that represent `n` original rows. Each stored row has a count of the original rows that equal it.
///
/// Rows of 0/1 attributes repeat often: the 202,599 faces of CelebA have only 271 distinct rows of the paper's ten attributes.
/// Equal rows get equal labels, and a count scales a row's share of a sum or a neighbourhood, so methods that use the counts give
/// the same result for the stored rows as for all original rows, in less time.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedRows {
    /// The stored rows, shape `[m, columns]`, row-major, in the order in which they first occur among the original rows.
    pub values: Vec<f32>,
    /// Number of columns.
    pub columns: usize,
    /// Number of original rows that each stored row represents, shape `[m]`; at least 1 each, with sum `n`.
    pub counts: Vec<u32>,
    /// Index of the stored row that represents each original row, shape `[n]`.
    pub of_row: Vec<u32>,
}

impl CountedRows {
    /// Stores each distinct row of row-major `values` of shape `[n, columns]` once. −0 counts as equal to 0.
    ///
    /// # Errors
    /// [`ClusterError::Empty`] without rows or columns, [`ClusterError::Shape`] if the number of values differs from the shape,
    /// [`ClusterError::NotFinite`] for NaN and magnitudes above 1e15, and [`ClusterError::TooLarge`] above 4 GiB of values.
    pub fn distinct(values: &[f32], n: usize, columns: usize) -> Result<CountedRows, ClusterError> {
        let rows = Rows::new("row", values, n, columns)?;
        let mut counted = CountedRows { values: Vec::new(), columns, counts: Vec::new(), of_row: Vec::with_capacity(n) };
        let mut seen: HashMap<&[u32], u32> = HashMap::new();
        for index in 0..n {
            let at = match seen.entry(rows.bits(index)) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    counted.values.extend_from_slice(&rows.row(index)[..columns]);
                    counted.counts.push(0);
                    *entry.insert(counted.counts.len() as u32 - 1)
                }
            };
            counted.counts[at as usize] += 1;
            counted.of_row.push(at);
        }
        Ok(counted)
    }

    /// Stores every row of row-major `values` of shape `[n, columns]` with a count of 1, even if it repeats.
    ///
    /// # Errors
    /// Fails as [`CountedRows::distinct`] does.
    pub fn every(values: &[f32], n: usize, columns: usize) -> Result<CountedRows, ClusterError> {
        Rows::check("row", values, n, columns)?;
        let of_row = (0..n as u32).collect();
        Ok(CountedRows { values: values.to_vec(), columns, counts: vec![1; n], of_row })
    }

    /// Returns all original rows, each stored with a count of 1.
    pub fn every_row(&self) -> CountedRows {
        let n = self.total();
        let values = self.of_row.iter().flat_map(|&at| self.row(at as usize)).copied().collect();
        CountedRows { values, columns: self.columns, counts: vec![1; n], of_row: (0..n as u32).collect() }
    }

    /// Returns the number of stored rows, `m`.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Returns the number of original rows, `n`.
    pub fn total(&self) -> usize {
        self.of_row.len()
    }

    /// Returns stored row `index`, shape `[columns]`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    /// Returns the index of the last original row that each stored row represents, shape `[m]`.
    pub fn last_rows(&self) -> Vec<u32> {
        let mut last = vec![0; self.len()];
        self.of_row.iter().zip(0..).for_each(|(&at, row)| last[at as usize] = row);
        last
    }

    /// Converts values of the stored rows, `[m]`, into values of the original rows, `[n]`.
    pub fn expand<T: Copy>(&self, of_stored: &[T]) -> Vec<T> {
        self.of_row.iter().map(|&at| of_stored[at as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_stored_once_and_expand_to_all() {
        let values = [1.0, 0.0, 0.0, 1.0, 1.0, -0.0, 0.5, 1.0, 1.0, 0.0];
        let counted = CountedRows::distinct(&values, 5, 2).expect("five rows");
        assert_eq!(counted.values, [1.0, 0.0, 0.0, 1.0, 0.5, 1.0]);
        assert_eq!((counted.counts.as_slice(), counted.of_row.as_slice()), (&[3, 1, 1][..], &[0, 1, 0, 2, 0][..]));
        assert_eq!((counted.len(), counted.total(), counted.row(2)), (3, 5, &[0.5, 1.0][..]));
        assert_eq!(counted.expand(&['a', 'b', 'c']), ['a', 'b', 'a', 'c', 'a']);
        assert_eq!(counted.last_rows(), [4, 1, 3]);
        let every = CountedRows::every(&values, 5, 2).expect("five rows");
        assert_eq!((every.len(), every.counts.iter().sum::<u32>()), (5, 5));
        assert_eq!((counted.every_row().values, counted.every_row().of_row), (every.values, every.of_row));
        assert!(matches!(CountedRows::distinct(&[f32::NAN], 1, 1), Err(ClusterError::NotFinite { .. })));
    }
}

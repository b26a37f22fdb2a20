//! Rows that are alike, taken together: distinct rows and how often each occurs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::ClusterError;
use super::rows::Rows;

/// `m` rows of `columns` numbers that stand for `n` rows, each as often as it occurs.
///
/// Rows of 0/1 attributes repeat: the 202,599 faces of CelebA have 271 distinct rows of the paper's ten attributes. What a
/// method finds for a distinct row holds for all rows alike, and counts make sums and neighbourhoods come out as if every
/// row were there, so clustering counted rows is exact wherever a method takes counts.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedRows {
    /// `[m, columns]` row-major, in the order in which the rows first occur.
    pub values: Vec<f32>,
    /// Numbers in a row.
    pub columns: usize,
    /// How often each row occurs, `[m]`, at least 1; their sum is `n`.
    pub counts: Vec<u32>,
    /// Which of the `m` rows stands for each of the `n`, `[n]`.
    pub of_row: Vec<u32>,
}

impl CountedRows {
    /// The distinct rows of `[n, columns]` values; −0 equals 0.
    ///
    /// # Errors
    /// [`ClusterError::Empty`], [`ClusterError::Shape`] or [`ClusterError::NotFinite`] if the values are no such rows.
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

    /// Every row by itself, counted once, whether or not it repeats.
    ///
    /// # Errors
    /// As [`CountedRows::distinct`].
    pub fn every(values: &[f32], n: usize, columns: usize) -> Result<CountedRows, ClusterError> {
        Rows::check("row", values, n, columns)?;
        let of_row = (0..n as u32).collect();
        Ok(CountedRows { values: values.to_vec(), columns, counts: vec![1; n], of_row })
    }

    /// The rows that these stand for, every one by itself.
    pub fn every_row(&self) -> CountedRows {
        let n = self.total();
        let values = self.of_row.iter().flat_map(|&at| self.row(at as usize)).copied().collect();
        CountedRows { values, columns: self.columns, counts: vec![1; n], of_row: (0..n as u32).collect() }
    }

    /// Number of rows held, `m`.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Number of rows that they stand for, `n`.
    pub fn total(&self) -> usize {
        self.of_row.len()
    }

    /// Row `index` of those held.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    /// The last row that each held row stands for, `[m]`.
    pub fn last_rows(&self) -> Vec<u32> {
        let mut last = vec![0; self.len()];
        self.of_row.iter().zip(0..).for_each(|(&at, row)| last[at as usize] = row);
        last
    }

    /// Something of each row held, `[m]`, for every row that they stand for, `[n]`.
    pub fn expand<T: Copy>(&self, of_held: &[T]) -> Vec<T> {
        self.of_row.iter().map(|&at| of_held[at as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_alike_are_held_once_and_stand_for_all() {
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

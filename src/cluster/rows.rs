//! The rows to cluster, checked and padded to a multiple of four columns as the kernels require, with ways to find equal rows.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::ClusterError;
use crate::ops::padded_channels;

/// The largest magnitude of a value. With larger ones, a sum of squared differences over the columns could overflow f32.
const MAX_MAGNITUDE: f32 = 1e15;

/// Number of rows that one task of a parallel sum adds up.
const ROWS_PER_PART: usize = 4096;

/// Rows of f32 values, each padded with zeros to a multiple of four columns. Negative zeros are stored as 0.
#[derive(Debug)]
pub(super) struct Rows {
    /// Shape `[count, padded]`, row-major.
    pub values: Vec<f32>,
    /// Number of rows.
    pub count: usize,
    /// Number of columns without padding.
    pub columns: usize,
    /// Number of columns with padding, a multiple of four.
    pub padded: usize,
}

impl Rows {
    /// Checks row-major `values` of shape `[count, columns]` and pads them. Errors call a row `what`.
    ///
    /// # Errors
    /// Fails as [`Rows::check`] does.
    pub fn new(what: &'static str, values: &[f32], count: usize, columns: usize) -> Result<Rows, ClusterError> {
        Rows::check(what, values, count, columns)?;
        let padded = padded_channels(columns as u32) as usize;
        let mut rows = Rows { values: vec![0.0; count * padded], count, columns, padded };
        rows.values.par_chunks_exact_mut(padded).zip(values.par_chunks_exact(columns)).for_each(|(row, source)| {
            // Adding zero turns −0 into 0, so that equal rows have equal bit patterns.
            row.iter_mut().zip(source).for_each(|(to, from)| *to = from + 0.0);
        });
        Ok(rows)
    }

    /// Checks that row-major `values` of shape `[count, columns]` can be clustered. Errors call a row `what`.
    ///
    /// # Errors
    /// [`ClusterError::Empty`] without rows or columns, [`ClusterError::Shape`] if the number of values differs from the shape,
    /// [`ClusterError::NotFinite`] for NaN and magnitudes above 1e15, and [`ClusterError::TooLarge`] above 4 GiB of padded
    /// values.
    pub fn check(what: &'static str, values: &[f32], count: usize, columns: usize) -> Result<(), ClusterError> {
        if count == 0 || columns == 0 {
            return Err(ClusterError::Empty { rows: count, columns });
        }
        if count.checked_mul(columns) != Some(values.len()) {
            return Err(ClusterError::Shape { found: values.len(), rows: count, columns });
        }
        // A range never contains NaN, so this finds NaN too.
        if let Some(at) = values.iter().position(|value| !(-MAX_MAGNITUDE..=MAX_MAGNITUDE).contains(value)) {
            return Err(ClusterError::NotFinite { what, row: at / columns, column: at % columns, value: values[at] });
        }
        let limit = u64::from(u32::MAX);
        let bytes = 4 * (count as u64).saturating_mul(columns as u64 + 3);
        if bytes > limit {
            return Err(ClusterError::TooLarge { what: "the data", bytes, limit });
        }
        Ok(())
    }

    /// Returns row `index` with its padding, `[padded]`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.padded..(index + 1) * self.padded]
    }

    /// Returns the rows whose indices `order` lists, in that order.
    pub fn in_order(&self, order: &[u32]) -> Rows {
        let values = order.iter().flat_map(|index| self.row(*index as usize)).copied().collect();
        Rows { values, count: order.len(), columns: self.columns, padded: self.padded }
    }

    /// Returns the bit patterns of row `index`, `[padded]`; they are equal exactly if the rows are equal.
    pub fn bits(&self, index: usize) -> &[u32] {
        bytemuck::cast_slice(self.row(index))
    }

    /// Counts the distinct rows with a weight above 0, and stops when the count reaches `enough`.
    pub fn distinct(&self, weights: &[f32], enough: usize) -> usize {
        let mut seen = HashSet::new();
        for index in (0..self.count).filter(|index| weights[*index] > 0.0) {
            if seen.len() >= enough {
                break;
            }
            seen.insert(self.bits(index));
        }
        seen.len()
    }

    /// Returns the distinct rows in order of their first occurrence and the sum of the weights of each, or `None` if no row
    /// repeats.
    pub fn merged(&self, weights: &[f32]) -> Option<(Rows, Vec<f32>)> {
        let mut seen: HashMap<&[u32], usize> = HashMap::with_capacity(self.count);
        let (mut values, mut sums) = (Vec::new(), Vec::<f64>::new());
        for (index, weight) in weights.iter().enumerate() {
            match seen.entry(self.bits(index)) {
                Entry::Occupied(entry) => sums[*entry.get()] += f64::from(*weight),
                Entry::Vacant(entry) => {
                    entry.insert(sums.len());
                    values.extend_from_slice(self.row(index));
                    sums.push(f64::from(*weight));
                }
            }
        }
        let rows = Rows { values, count: sums.len(), columns: self.columns, padded: self.padded };
        (rows.count < self.count).then(|| (rows, sums.iter().map(|sum| *sum as f32).collect()))
    }

    /// Returns a hash of each row, `[count]`; equal rows have equal hashes. It is FNV-1a over the 32-bit words of the row,
    /// followed by the finaliser of MurmurHash3.
    pub fn keys(&self) -> Vec<u32> {
        let hash = |index| {
            let hash = self.bits(index).iter().fold(0x811c_9dc5u32, |hash, word| (hash ^ word).wrapping_mul(0x0100_0193));
            let hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
            let hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
            hash ^ (hash >> 16)
        };
        (0..self.count).map(hash).collect()
    }

    /// Returns the weighted mean of each column, `[padded]`, and the weighted variance of a column (with divisor Σ w) averaged
    /// over the columns without padding.
    pub fn mean_and_variance(&self, weights: &[f32]) -> (Vec<f32>, f64) {
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        // The parts have a fixed length and are added in order, so that the sums do not depend on the number of threads.
        let of_part = |(rows, weights): (&[f32], &[f32]), value: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            let mut sums = vec![0.0; self.padded];
            for (row, weight) in rows.chunks_exact(self.padded).zip(weights) {
                for (column, (sum, entry)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += f64::from(*weight) * value(column, f64::from(*entry));
                }
            }
            sums
        };
        let average = |value: &(dyn Fn(usize, f64) -> f64 + Sync)| {
            let parts = self.values.par_chunks(ROWS_PER_PART * self.padded).zip(weights.par_chunks(ROWS_PER_PART));
            let parts: Vec<Vec<f64>> = parts.map(|part| of_part(part, value)).collect();
            let mut sums = vec![0.0; self.padded];
            parts.iter().for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, of_part)| *sum += of_part));
            sums.iter().map(|sum| sum / total).collect::<Vec<f64>>()
        };
        let mean = average(&|_, entry| entry);
        let variance = average(&|column, entry| (entry - mean[column]).powi(2));
        (mean.iter().map(|value| *value as f32).collect(), variance.iter().sum::<f64>() / self.columns as f64)
    }
}

//! Rows as kernels take them: checked, padded to a multiple of four columns, and which of them are alike.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::ClusterError;
use crate::ops::padded_channels;

/// Beyond this the square of a difference, added up over columns, could leave the range of f32.
const LARGEST: f32 = 1e15;

/// Rows of which a mean is added up by one thread.
const ROWS_A_PART: usize = 4096;

/// `[count, padded]` row-major numbers; the padding holds zeros, and no zero has a sign.
#[derive(Debug)]
pub(super) struct Rows {
    pub values: Vec<f32>,
    pub count: usize,
    pub columns: usize,
    pub padded: usize,
}

impl Rows {
    /// Checks `[count, columns]` values and pads them; `what` names a row in errors.
    pub fn new(what: &'static str, values: &[f32], count: usize, columns: usize) -> Result<Rows, ClusterError> {
        Rows::check(what, values, count, columns)?;
        let padded = padded_channels(columns as u32) as usize;
        let mut rows = Rows { values: vec![0.0; count * padded], count, columns, padded };
        rows.values.par_chunks_exact_mut(padded).zip(values.par_chunks_exact(columns)).for_each(|(row, source)| {
            // Adding zero turns −0 into 0, so that equal rows have equal bits.
            row.iter_mut().zip(source).for_each(|(to, from)| *to = from + 0.0);
        });
        Ok(rows)
    }

    /// Checks that `[count, columns]` values are rows to cluster.
    pub fn check(what: &'static str, values: &[f32], count: usize, columns: usize) -> Result<(), ClusterError> {
        if count == 0 || columns == 0 {
            return Err(ClusterError::Empty { rows: count, columns });
        }
        if count.checked_mul(columns) != Some(values.len()) {
            return Err(ClusterError::Shape { found: values.len(), rows: count, columns });
        }
        // NaN is not within any range.
        if let Some(at) = values.iter().position(|value| !(-LARGEST..=LARGEST).contains(value)) {
            return Err(ClusterError::NotFinite { what, row: at / columns, column: at % columns, value: values[at] });
        }
        let limit = u64::from(u32::MAX);
        let bytes = 4 * (count as u64).saturating_mul(columns as u64 + 3);
        if bytes > limit {
            return Err(ClusterError::TooLarge { what: "the data", bytes, limit });
        }
        Ok(())
    }

    /// The padded row `index`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.padded..(index + 1) * self.padded]
    }

    /// The rows `order`, in that order.
    pub fn in_order(&self, order: &[u32]) -> Rows {
        let values = order.iter().flat_map(|index| self.row(*index as usize)).copied().collect();
        Rows { values, count: order.len(), columns: self.columns, padded: self.padded }
    }

    /// The bits of row `index`: equal for equal rows.
    pub fn bits(&self, index: usize) -> &[u32] {
        bytemuck::cast_slice(self.row(index))
    }

    /// How many distinct rows with a weight there are, counted up to `enough`.
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

    /// The distinct rows in the order in which they first occur, and the sum of the weights of each; nothing where all are
    /// distinct.
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

    /// A hash of each row, equal for equal rows: FNV-1a over 32-bit words, with the finaliser of MurmurHash3.
    pub fn keys(&self) -> Vec<u32> {
        let hash = |index| {
            let hash = self.bits(index).iter().fold(0x811c_9dc5u32, |hash, word| (hash ^ word).wrapping_mul(0x0100_0193));
            let hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
            let hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
            hash ^ (hash >> 16)
        };
        (0..self.count).map(hash).collect()
    }

    /// Mean of each column, padding included, and the mean of the columns' variances, every row counted `weight` times.
    pub fn mean_and_variance(&self, weights: &[f32]) -> (Vec<f32>, f64) {
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        // Parts of a fixed length, added up in their order: the same sums on any number of threads.
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
            let parts = self.values.par_chunks(ROWS_A_PART * self.padded).zip(weights.par_chunks(ROWS_A_PART));
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

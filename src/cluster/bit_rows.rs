//! Rows packed as bits, for data in which every column takes at most two values, one of them 0.

use rayon::prelude::*;

use super::rows::Rows;
use crate::ops::KmeansAccumulateBits;

/// The largest weight (2²⁴) with which rows are packed. Each binary digit of the largest weight costs a pass over the rows, so
/// rows with larger weights are summed as f32 values.
const MAX_WEIGHT: f32 = 16_777_216.0;

/// Rows packed as bits in the layouts that the kernels bind. A set bit in column c stands for the value `scales[c]`, a clear bit
/// for 0. A group is 32 consecutive rows; a chunk is [`KmeansAccumulateBits::CHUNK_ROWS`] consecutive rows.
#[derive(Debug, PartialEq)]
pub(super) struct BitRows {
    /// Row by row, shape `[rows, words]`: bit c % 32 of word c / 32 is column c.
    pub bits: Vec<u32>,
    /// Column by column, shape `[groups, padded]`: bit i of a word is the column's bit of row 32 · group + i.
    pub planes: Vec<u32>,
    /// Weights digit by digit, shape `[digits, groups]`: bit i of a word for digit p is binary digit p of the weight of row
    /// 32 · group + i. Empty if every weight is 1.
    pub counts: Vec<u32>,
    /// Number of binary digits of the largest weight in each chunk, shape `[chunks]`. Empty if every weight is 1.
    pub digits: Vec<u32>,
    /// The value that a set bit of each column stands for, shape `[padded]`.
    pub scales: Vec<f32>,
}

impl BitRows {
    /// Returns whether rows can be packed: every column takes at most one value besides 0, and every weight is a whole number up
    /// to 2²⁴.
    pub fn fit(rows: &Rows, weights: &[f32]) -> bool {
        are_counts(weights) && scales(rows).is_some()
    }

    /// Packs rows and their weights, `[rows]`. Returns `None` if they do not [`fit`](BitRows::fit).
    pub fn new(rows: &Rows, weights: &[f32]) -> Option<BitRows> {
        let scales = scales(rows)?;
        if !are_counts(weights) {
            return None;
        }
        let (words, groups, padded) = (rows.padded.div_ceil(32), rows.count.div_ceil(32), rows.padded);
        let (mut bits, mut planes) = (vec![0; rows.count * words], vec![0; groups * padded]);
        let of_groups =
            rows.values.par_chunks(32 * padded).zip(bits.par_chunks_mut(32 * words)).zip(planes.par_chunks_mut(padded));
        of_groups.for_each(|((values, bits), planes)| {
            for (index, row) in values.chunks_exact(padded).enumerate() {
                for (word, part) in bits[index * words..][..words].iter_mut().zip(row.chunks(32)) {
                    *word = (0..).zip(part).fold(0, |word, (column, value)| word | u32::from(*value != 0.0) << column);
                }
                for (plane, value) in planes.iter_mut().zip(row) {
                    *plane |= u32::from(*value != 0.0) << index;
                }
            }
        });
        let mut digits = Vec::new();
        if weights.iter().any(|weight| *weight != 1.0) {
            let of_chunk = |weights: &[f32]| weights.iter().fold(0.0f32, |largest, weight| largest.max(*weight)) as u32;
            let chunks = weights.chunks(KmeansAccumulateBits::CHUNK_ROWS as usize);
            digits.extend(chunks.map(|weights| u32::BITS - of_chunk(weights).leading_zeros()));
        }
        let mut counts = vec![0; groups * digits.iter().max().map_or(0, |most| *most as usize)];
        for (plane, words) in counts.chunks_exact_mut(groups).enumerate() {
            for (index, weight) in weights.iter().enumerate() {
                words[index / 32] |= ((*weight as u32 >> plane) & 1) << (index % 32);
            }
        }
        Some(BitRows { bits, planes, counts, digits, scales })
    }

    /// Returns whether a set bit stands for 1 in every column.
    pub fn plain(&self) -> bool {
        self.scales.iter().all(|scale| *scale == 1.0)
    }
}

/// Returns whether all weights are whole numbers up to [`MAX_WEIGHT`].
fn are_counts(weights: &[f32]) -> bool {
    weights.iter().all(|weight| weight.fract() == 0.0 && *weight <= MAX_WEIGHT)
}

/// Returns the nonzero value of each column, `[padded]`, or 1 for a column of zeros. Returns `None` if a column has several
/// nonzero values.
fn scales(rows: &Rows) -> Option<Vec<f32>> {
    let mut scales = vec![0.0f32; rows.padded];
    // The loop usually ends after a few rows. The check of all rows that follows has no branches, so that it compiles to vector
    // code.
    for row in rows.values.chunks_exact(rows.padded) {
        scales.iter_mut().zip(row).filter(|(scale, _)| **scale == 0.0).for_each(|(scale, value)| *scale = *value);
        if scales[..rows.columns].iter().all(|scale| *scale != 0.0) {
            break;
        }
    }
    let fits =
        |row: &[f32]| scales.iter().zip(row).fold(true, |fits, (scale, value)| fits & ((*value == 0.0) | (value == scale)));
    if !rows.values.par_chunks_exact(rows.padded).all(fits) {
        return None;
    }
    scales.iter_mut().filter(|scale| **scale == 0.0).for_each(|scale| *scale = 1.0);
    Some(scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_two_values_are_packed_as_bits() {
        let mut values = vec![0.0; 34 * 33];
        values[32] = 0.5;
        values[33 * 33] = 1.0;
        values[33 * 33 + 32] = 0.5;
        let rows = Rows::new("row", &values, 34, 33).unwrap();
        let mut weights = vec![1.0; 34];
        let plain = BitRows::new(&rows, &weights).unwrap();
        assert_eq!((plain.bits[0], plain.bits[1], plain.bits[66], plain.bits[67]), (0, 1, 1, 1));
        assert_eq!((plain.planes[32], plain.planes[36], plain.planes[68], plain.planes.len()), (1, 2, 2, 72));
        assert_eq!((plain.digits.len(), plain.counts.len(), plain.plain()), (0, 0, false));
        assert_eq!((plain.scales[0], plain.scales[1], plain.scales[32]), (1.0, 1.0, 0.5));
        weights[33] = 5.0;
        weights[1] = 0.0;
        let counted = BitRows::new(&rows, &weights).unwrap();
        assert_eq!((counted.digits, counted.counts), (vec![3], vec![!2, 3, 0, 0, 0, 2]));
        weights[0] = 0.5;
        assert_eq!(BitRows::new(&rows, &weights), None);
        values[0] = 2.0;
        let rows = Rows::new("row", &values, 34, 33).unwrap();
        assert_eq!(BitRows::new(&rows, &[1.0; 34]), None);
    }
}

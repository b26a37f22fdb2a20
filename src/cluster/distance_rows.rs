//! Rows in the layout of the distance kernels: f32 values, four to a quad, or columns of 0 and 1 packed as bits.

use crate::ops::{Metric, RowFormat};

/// Rows for the kernels that import `shaders/lib/row_distance.wgsl`.
#[derive(Debug)]
pub(super) struct DistanceRows {
    /// The 32-bit words of the rows, shape `[rows, quads]`: a quad is four f32 values or 64 bits.
    pub words: Vec<u32>,
    /// A quantity of each row that the cosine metric needs, shape `[rows]`: the number of ones of a row of bits; for a row of f32
    /// values, 0.5 if all values are 0 and the metric is cosine, and 0 otherwise.
    pub traits: Vec<f32>,
    /// Layout of `words`.
    pub format: RowFormat,
    /// Number of columns without padding.
    pub columns: u32,
}

impl DistanceRows {
    /// Lays out the rows that `row` returns for `0..count`, each of `columns` values. They are packed as bits if all values are 0
    /// or 1.
    pub fn new<'a>(count: usize, columns: usize, metric: Metric, row: impl Fn(usize) -> &'a [f32]) -> DistanceRows {
        let binary = (0..count).all(|index| row(index).iter().all(|value| *value == 0.0 || *value == 1.0));
        let format = if binary { RowFormat::Bits } else { RowFormat::Numbers };
        DistanceRows::in_format(format, count, columns, metric, row)
    }

    /// Lays out the same rows in the given format. Packed as bits, every nonzero value becomes 1. Under the cosine metric, rows
    /// of f32 values are scaled to length 1.
    pub fn in_format<'a>(
        format: RowFormat,
        count: usize,
        columns: usize,
        metric: Metric,
        row: impl Fn(usize) -> &'a [f32],
    ) -> DistanceRows {
        let words_per_row = (DistanceRows::row_bytes(format, columns) / 4) as usize;
        let mut words = vec![0u32; count * words_per_row];
        let mut traits = vec![0.0; count];
        for (index, (words, of_row)) in words.chunks_exact_mut(words_per_row).zip(&mut traits).enumerate() {
            let values = row(index);
            match format {
                RowFormat::Bits => {
                    for (column, value) in values.iter().enumerate() {
                        words[column / 32] |= u32::from(*value != 0.0) << (column % 32);
                    }
                    *of_row = words.iter().map(|word| word.count_ones()).sum::<u32>() as f32;
                }
                RowFormat::Numbers => {
                    let length = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
                    let is_zero_row = metric == Metric::Cosine && length == 0.0;
                    let scale = if metric == Metric::Cosine && !is_zero_row { length } else { 1.0 };
                    for (word, value) in words.iter_mut().zip(values) {
                        *word = ((f64::from(*value) / scale) as f32).to_bits();
                    }
                    *of_row = if is_zero_row { 0.5 } else { 0.0 };
                }
            }
        }
        DistanceRows { words, traits, format, columns: columns as u32 }
    }

    /// Returns the number of bytes of all rows.
    pub fn bytes(&self) -> u64 {
        4 * self.words.len() as u64
    }

    /// Returns the number of bytes of a row of `columns` columns in a format.
    pub fn row_bytes(format: RowFormat, columns: usize) -> u64 {
        u64::from(format.quads(columns as u32) * format.quad_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_ones_are_packed_and_the_ones_counted() {
        let mut values = vec![0.0f32; 2 * 70];
        [0, 31, 32, 69].into_iter().for_each(|column| values[column] = 1.0);
        let rows = DistanceRows::new(2, 70, Metric::Cosine, |index| &values[70 * index..70 * (index + 1)]);
        assert_eq!((rows.format, rows.words.as_slice()), (RowFormat::Bits, &[0x8000_0001, 1, 0x20, 0, 0, 0, 0, 0][..]));
        assert_eq!(rows.traits, [4.0, 0.0]);
        values[1] = 0.5;
        let rows = DistanceRows::new(2, 70, Metric::Cosine, |index| &values[70 * index..70 * (index + 1)]);
        assert_eq!((rows.format, rows.words.len(), rows.traits.as_slice()), (RowFormat::Numbers, 2 * 72, &[0.0, 0.5][..]));
        let length: f32 = rows.words[..72].iter().map(|word| f32::from_bits(*word).powi(2)).sum();
        assert!((length - 1.0).abs() < 1e-6);
    }
}

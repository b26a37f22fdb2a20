//! Rows for the kernels of distances, in both formats.

use lineament::ops::{Metric, RowFormat};
use lineament::plan::Variant;

use lineament::ops::reference::random::values;

/// Rows as the reference takes them, and as a kernel does.
pub struct DistanceRows {
    /// `[rows, columns]`
    pub values: Vec<f32>,
    /// `[rows, quads]`
    pub words: Vec<u32>,
    /// `[rows]`
    pub traits: Vec<f32>,
}

/// The format of a variant.
pub fn format_of(variant: &Variant) -> RowFormat {
    if variant.constant("BITS") == 1 { RowFormat::Bits } else { RowFormat::Numbers }
}

/// `rows` rows of `columns` numbers, of 0 and 1 as bits; every third one is zero where the metric treats that apart. Some values are
/// alike, so that a metric which counts those has some to count.
pub fn distance_rows(stream: u64, format: RowFormat, [rows, columns]: [u32; 2], metric: Metric) -> DistanceRows {
    let (n, d) = (rows as usize, columns as usize);
    let mut x = values(stream, 0, n * d);
    for (index, row) in x.chunks_exact_mut(d).enumerate() {
        let zero = metric == Metric::Cosine && index % 3 == 1;
        let of_value = |value: f32| match format {
            RowFormat::Bits => f32::from(u8::from(value > 0.2)),
            RowFormat::Numbers if metric == Metric::Hamming => (3.0 * value).round() / 3.0,
            RowFormat::Numbers => value,
        };
        row.iter_mut().for_each(|value| *value = if zero { 0.0 } else { of_value(*value) });
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        if metric == Metric::Cosine && format == RowFormat::Numbers && length > 0.0 {
            row.iter_mut().for_each(|value| *value /= length);
        }
    }
    let words_a_row = (format.quads(columns) * format.quad_bytes() / 4) as usize;
    let mut words = vec![0u32; n * words_a_row];
    let mut traits = Vec::with_capacity(n);
    for (row, words) in x.chunks_exact(d).zip(words.chunks_exact_mut(words_a_row)) {
        for (column, value) in row.iter().enumerate() {
            match format {
                RowFormat::Bits => words[column / 32] |= (*value as u32) << (column % 32),
                RowFormat::Numbers => words[column] = value.to_bits(),
            }
        }
        let zero = row.iter().all(|value| *value == 0.0);
        traits.push(match format {
            RowFormat::Bits => row.iter().sum(),
            RowFormat::Numbers if metric == Metric::Cosine && zero => 0.5,
            RowFormat::Numbers => 0.0,
        });
    }
    DistanceRows { values: x, words, traits }
}

/// Every metric.
pub const METRICS: [Metric; 4] = [Metric::Euclidean, Metric::Manhattan, Metric::Cosine, Metric::Hamming];

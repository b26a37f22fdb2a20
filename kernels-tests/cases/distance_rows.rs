//! Random rows for the cases of the distance kernels, as f32 values and as bits.

use lineament::ops::{Metric, RowFormat};
use lineament::plan::Variant;

use lineament::ops::reference::random::values;

/// The same rows for the reference and for a kernel.
pub struct DistanceRows {
    /// The values for the reference, `[rows, columns]`.
    pub values: Vec<f32>,
    /// The rows in the layout of the kernel, `[rows, quads]`.
    pub words: Vec<u32>,
    /// The traits for the kernel (see `shaders/lib/row_distance.wgsl`), `[rows]`.
    pub traits: Vec<f32>,
}

/// Returns the row layout that a variant reads.
pub fn format_of(variant: &Variant) -> RowFormat {
    if variant.constant("BITS") == 1 { RowFormat::Bits } else { RowFormat::Numbers }
}

/// Returns `rows` random rows of `columns` values; for bits the values are 0 and 1. Under the cosine metric, which treats rows of
/// zeros separately, every third row is all zeros, and rows of f32 values have length 1. Under the hamming metric, f32 values are
/// multiples of 1/3, so that some of them are equal.
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

/// All metrics.
pub const METRICS: [Metric; 4] = [Metric::Euclidean, Metric::Manhattan, Metric::Cosine, Metric::Hamming];

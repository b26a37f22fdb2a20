//! Reference of `neighbours`: the rows within a radius of each row of a slice.

use crate::ops::NeighbourSlice;

use super::row_distance::row_distance;

/// Returns one bit for each row that says whether it is a neighbour, as words `[end_row − first_row, ⌈rows / 32⌉]`, and the
/// number of occurrences of the neighbours of each row, `[end_row − first_row]`.
pub fn neighbours(shape: NeighbourSlice, rows: &[f32], occurrences: &[u32]) -> (Vec<f64>, Vec<f64>) {
    let (n, d) = (shape.rows as usize, shape.columns as usize);
    let row = |index: usize| &rows[index * d..(index + 1) * d];
    let (mut words, mut counts) = (Vec::new(), Vec::new());
    for i in shape.first_row as usize..shape.end_row as usize {
        let mut bits = vec![0u32; n.div_ceil(32)];
        let mut count = 0;
        for j in 0..n {
            if i == j || row_distance(shape.metric, row(i), row(j)) <= f64::from(shape.radius) {
                bits[j / 32] |= 1 << (j % 32);
                count += occurrences[j];
            }
        }
        words.extend(bits.into_iter().map(f64::from));
        counts.push(f64::from(count));
    }
    (words, counts)
}

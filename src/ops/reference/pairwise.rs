//! Reference of `pairwise`: the distance from each row of a slice to every row from the first row of the slice on.

use crate::ops::PairwiseSlice;

use super::row_distance::row_distance;

/// Returns the distances, `[end_row − first_row, rows]`. Columns before `first_row` keep the values of `before`.
pub fn pairwise(shape: PairwiseSlice, rows: &[f32], before: &[f32]) -> Vec<f64> {
    let (n, d) = (shape.rows as usize, shape.columns as usize);
    let row = |index: usize| &rows[index * d..(index + 1) * d];
    let first = shape.first_row as usize;
    let of_place = |place: usize| {
        let (j, i) = (first + place / n, place % n);
        if i < first { f64::from(before[place]) } else { row_distance(shape.metric, row(i), row(j)) }
    };
    (0..(shape.end_row as usize - first) * n).map(of_place).collect()
}

//! Transpose of a matrix: y\[j, i\] = x\[i, j\]

/// Transposes x \[rows, columns\] to \[columns, rows\].
pub fn transpose(columns: usize, x: &[f64]) -> Vec<f64> {
    let rows = x.len() / columns;
    (0..columns * rows).map(|at| x[at % rows * columns + at / rows]).collect()
}

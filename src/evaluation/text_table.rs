//! Tables as text for a terminal.

/// Returns rows of words as aligned columns. The first column is aligned to the left, the others to the right.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let cell = |(column, word): (usize, &String)| {
        if column == 0 { format!("{word:0$}", widths[0]) } else { format!("  {word:>0$}", widths[column]) }
    };
    rows.iter().map(|row| row.iter().enumerate().map(cell).collect::<String>() + "\n").collect()
}

//! How a sum over many rows is split into parts.

/// A sum over rows that is computed in parts. Each part has its own threads. This gives work to more threads, and sums of fewer
/// terms lose less precision in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowParts {
    /// Number of rows.
    pub rows: u32,
    /// Number of rows in a part, at least one. The last part may have fewer.
    pub rows_a_part: u32,
}

impl RowParts {
    /// Returns a split into a single part. The kernel's result is then the whole sum.
    pub fn whole(rows: u32) -> RowParts {
        RowParts { rows, rows_a_part: rows }
    }

    /// Returns the number of parts.
    pub fn count(self) -> u32 {
        self.rows.div_ceil(self.rows_a_part)
    }
}

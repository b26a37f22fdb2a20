//! How a sum over many rows is split into parts.

/// Rows that a kernel sums in parts. Each part has threads of its own, so runs of additions stay short enough for `f32` and
/// there is work for more threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowParts {
    /// Number of rows.
    pub rows: u32,
    /// Rows in a part, at least one; the last part may have fewer.
    pub rows_a_part: u32,
}

impl RowParts {
    /// Returns all rows in a single part. The kernel's result is then the sum itself.
    pub fn whole(rows: u32) -> RowParts {
        RowParts { rows, rows_a_part: rows }
    }

    /// Returns the number of parts.
    pub fn count(self) -> u32 {
        self.rows.div_ceil(self.rows_a_part)
    }
}

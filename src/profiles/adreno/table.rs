//! Rows of this class.

use crate::profiles::Row;

/// The rows.
pub const TABLE: &[Row] = &[];

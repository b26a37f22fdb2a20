//! Tiles of kernels that multiply cooperative matrices.

use crate::plan::{COOPERATIVE, Precision, Variant};

/// The tile of a variant whose workgroups are a single subgroup that multiplies cooperative matrices.
pub(super) struct MatrixTile {
    /// Rows and columns of matrices whose sums the subgroup keeps.
    pub matrices: [i64; 2],
    /// Rows and columns of a matrix: 16 on AMD's and NVIDIA's GPUs, 8 on Apple's.
    pub side: i64,
}

/// 64 × 64 results, for the least memory traffic.
pub(super) const TILE_64X64: MatrixTile = MatrixTile { matrices: [4, 4], side: 16 };
/// 32 × 32 results, where there are few results, or few rows or columns.
pub(super) const TILE_32X32: MatrixTile = MatrixTile { matrices: [2, 2], side: 16 };
/// 32 × 32 results of matrices as Apple's GPUs have them.
pub(super) const TILE_32X32_IN_8X8: MatrixTile = MatrixTile { matrices: [4, 4], side: 8 };

impl MatrixTile {
    /// Returns the constants of a variant that stores its numbers at a precision. A workgroup has 32 threads, which is the
    /// largest size of a subgroup that such a variant supports.
    pub const fn constants(&self, precision: Precision) -> [(&'static str, i64); 7] {
        let MatrixTile { matrices: [rows, columns], side } = *self;
        let half = matches!(precision, Precision::F16) as i64;
        [COOPERATIVE, ("HALF", half), ("ROWS", rows), ("COLUMNS", columns), ("SIDE", side), ("DEPTH", 32), ("LANES", 32)]
    }

    /// Returns rows and columns of the results of a workgroup.
    pub fn results(variant: &Variant) -> (u32, u32) {
        let side = |matrices| variant.constant(matrices) * variant.constant("SIDE");
        (side("ROWS"), side("COLUMNS"))
    }
}

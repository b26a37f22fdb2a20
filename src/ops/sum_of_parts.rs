//! Splits sums over many rows into parts, and adds the sums of the parts.

use super::{Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

/// A split of the rows of a tensor into parts that a kernel sums separately.
///
/// Parts keep each sequence of additions short, which limits the rounding error in `f32`, and they give more threads work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowParts {
    /// Number of all rows.
    pub rows: u32,
    /// Number of rows per part, at least one. The last part may have fewer rows.
    pub rows_a_part: u32,
}

impl RowParts {
    /// Returns a single part with all rows. The result of a kernel is then the sum itself.
    pub fn whole(rows: u32) -> RowParts {
        RowParts { rows, rows_a_part: rows }
    }

    /// Returns the number of parts.
    pub fn count(self) -> u32 {
        self.rows.div_ceil(self.rows_a_part)
    }
}

params! {
    /// `Params` of `shaders/head/sum_of_parts.wgsl`.
    struct SumOfPartsParams {
        count: u32,
        quads: u32,
    }
}

/// The kernel of [`SumOfParts`]. One thread sums four elements over all parts.
pub static SUM_OF_PARTS: Kernel = Kernel {
    name: "sum_of_parts",
    group: "head",
    source: include_str!("../../shaders/head/sum_of_parts.wgsl"),
    params: SumOfPartsParams::FIELDS,
    bindings: &[read("parts"), read_write("y")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Adds the sums of parts: y\[i\] = Σ_p parts\[p, i\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SumOfParts {
    /// Number of parts.
    pub count: u32,
    /// Number of elements per part, a multiple of four.
    pub elements: u32,
}

impl SumOfParts {
    /// Returns the step that computes `y` \[elements\] from `parts` \[count, elements\].
    pub fn step(self, label: &str, parts: View, y: View) -> Step {
        let (count, elements) = (u64::from(self.count), u64::from(self.elements));
        Encoding {
            kernel: &SUM_OF_PARTS,
            variant: &SUM_OF_PARTS.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: SumOfPartsParams { count: self.count, quads: self.elements / 4 },
            bindings: &[parts, y],
            workgroups: (elements / 4).div_ceil(64),
            cost: Cost { flops: count * elements, bytes: 4 * (count + 1) * elements },
        }
        .step(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_rows() {
        for (rows, rows_a_part, count) in [(1, 1, 1), (7, 3, 3), (6, 3, 2), (2, 5, 1)] {
            assert_eq!(RowParts { rows, rows_a_part }.count(), count);
        }
        assert_eq!(RowParts::whole(9).count(), 1);
    }
}

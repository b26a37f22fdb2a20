//! Adds the parts of a sum over many rows that was computed in parts.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

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
    use crate::plan::RowParts;

    #[test]
    fn parts_cover_all_rows() {
        for (rows, rows_a_part, count) in [(1, 1, 1), (7, 3, 3), (6, 3, 2), (2, 5, 1)] {
            assert_eq!(RowParts { rows, rows_a_part }.count(), count);
        }
        assert_eq!(RowParts::whole(9).count(), 1);
    }
}

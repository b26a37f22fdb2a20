//! The variants of kernels that are built on `shaders/lib/tile_distances.wgsl` and, for rows of bits, `tile_bits.wgsl`.

use super::{Kernel, Target, Variant};

/// Threads of a workgroup in the variants that pass the others through workgroup memory.
const THREADS: u32 = 64;

/// Rows that one workgroup holds; `lanes` is the subgroup size, which variants of the subgroup family need.
pub(super) fn workgroup_rows(variant: &Variant, lanes: Option<u32>) -> u32 {
    let threads = if variant.subgroup { lanes.unwrap_or(1) } else { THREADS };
    threads * variant.constant("ROWS")
}

impl Target {
    /// The variant of a distance kernel for rows of numbers and `columns` others. A software adapter takes the subgroup family, if it has
    /// subgroups of one size; of a family, the variant with the least work past the last column, and the widest of such.
    pub fn distances(self, kernel: &'static Kernel, columns: u32) -> &'static Variant {
        self.distance_variant(kernel, columns, false)
    }

    /// As [`Target::distances`], for rows of `bits` or of numbers.
    pub fn distance_variant(self, kernel: &'static Kernel, columns: u32, bits: bool) -> &'static Variant {
        let subgroup = self.software && self.lanes.is_some();
        let of_family = |variant: &&Variant| variant.subgroup == subgroup && variant.constant("BITS") == u32::from(bits);
        let family = kernel.variants.iter().filter(of_family);
        let best = family.min_by_key(|variant| {
            let width = variant.constant("COLUMNS");
            (columns.div_ceil(width) * width, std::cmp::Reverse(width))
        });
        best.unwrap_or(&kernel.variants[0])
    }
}

/// Declares a variant: rows a thread × others a tile, and a family, `_bits` for rows of bits.
macro_rules! distance_variants {
    ($(($name:literal, $rows:literal x $columns:literal, $family:ident)),* $(,)?) => {
        &[$($crate::kernels::distance_tile::distance_variants!(@one $name, $rows, $columns, $family)),*]
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup) => {
        $crate::kernels::distance_tile::distance_variants!(@subgroup $name, $rows, $columns, 0)
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup) => {
        $crate::kernels::distance_tile::distance_variants!(@workgroup $name, $rows, $columns, 0)
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup_bits) => {
        $crate::kernels::distance_tile::distance_variants!(@subgroup $name, $rows, $columns, 1)
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup_bits) => {
        $crate::kernels::distance_tile::distance_variants!(@workgroup $name, $rows, $columns, 1)
    };
    (@subgroup $name:literal, $rows:literal, $columns:literal, $bits:literal) => {
        Variant {
            name: $name,
            constants: &[("BITS", $bits), ("BROADCAST", 1), ("ROWS", $rows), ("COLUMNS", $columns)],
            subgroup: true,
        }
    };
    (@workgroup $name:literal, $rows:literal, $columns:literal, $bits:literal) => {
        Variant {
            name: $name,
            constants: &[("BITS", $bits), ("BROADCAST", 0), ("DEPTH", 16), ("ROWS", $rows), ("COLUMNS", $columns)],
            subgroup: false,
        }
    };
}
pub(super) use distance_variants;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::KMEANS_ASSIGN;

    #[test]
    fn the_variant_wastes_as_little_as_it_can() {
        for (columns, width) in [(1, 4), (4, 4), (5, 8), (8, 8), (9, 4), (16, 16), (24, 8), (32, 16)] {
            for (software, lanes, subgroup) in [(true, Some(8), true), (true, None, false), (false, Some(32), false)] {
                let variant = Target { software, lanes, binding_bytes: 128 << 20 }.distances(&KMEANS_ASSIGN, columns);
                assert_eq!((variant.constant("COLUMNS"), variant.subgroup), (width, subgroup), "{columns} columns");
                assert_eq!(variant.constant("BITS"), 0);
            }
        }
    }
}

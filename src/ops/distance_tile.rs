//! The variants of kernels that are built on `shaders/lib/tile_distances.wgsl` or, for bits against numbers, `tile_bits.wgsl`.

use super::{SILHOUETTE, SilhouetteSlice};
use crate::plan::{Kernel, Variant};
use crate::profiles::DeviceProfile;

/// Threads of a workgroup in the variants that pass the others through workgroup memory.
const THREADS: u32 = 64;

/// Rows that one workgroup holds; `lanes` is the subgroup size, which variants of the subgroup family need.
pub(super) fn workgroup_rows(variant: &Variant, lanes: Option<u32>) -> u32 {
    let threads = if variant.subgroup { lanes.unwrap_or(1) } else { THREADS };
    threads * variant.constant("ROWS")
}

/// Returns the variant of a distance kernel for rows of a format and `columns` rows on the other side. The profile chooses the
/// family; of the family, the variant that computes least past the last column, and the widest of those.
pub fn distance_variant(profile: &DeviceProfile, kernel: &'static Kernel, format: RowFormat, columns: u32) -> &'static Variant {
    let subgroup = profile.settings().subgroup_distances;
    let bits = u32::from(format == RowFormat::Bits);
    let family = kernel.variants.iter().filter(|variant| (variant.subgroup, variant.constant("BITS")) == (subgroup, bits));
    least_padded(family, columns).unwrap_or_else(|| panic!("kernel {} has no variant for {format:?}", kernel.name))
}

/// Returns the variant that computes silhouettes of such rows. The family is chosen as by [`distance_variant`].
pub fn silhouette_variant(profile: &DeviceProfile, shape: SilhouetteSlice) -> &'static Variant {
    let subgroup = profile.settings().subgroup_distances;
    let family = SILHOUETTE.variants.iter().filter(|variant| variant.subgroup == subgroup && shape.suits(variant));
    least_padded(family, shape.rows).unwrap_or_else(|| panic!("silhouette has no variant for {shape:?}"))
}

/// Of some variants, the one with the least work past the last of `columns` others, and the widest of such.
fn least_padded(family: impl Iterator<Item = &'static Variant>, columns: u32) -> Option<&'static Variant> {
    family.min_by_key(|variant| {
        let width = variant.constant("COLUMNS");
        (columns.div_ceil(width) * width, std::cmp::Reverse(width))
    })
}

/// How rows are laid out for a kernel of distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowFormat {
    /// Four numbers a quad.
    Numbers,
    /// Columns of 0 and 1, 64 a quad.
    Bits,
}

impl RowFormat {
    /// Quads of a row of `columns` columns.
    pub fn quads(self, columns: u32) -> u32 {
        match self {
            RowFormat::Numbers => columns.div_ceil(4),
            RowFormat::Bits => columns.div_ceil(64),
        }
    }

    /// Bytes of a quad.
    pub fn quad_bytes(self) -> u32 {
        match self {
            RowFormat::Numbers => 16,
            RowFormat::Bits => 8,
        }
    }

    /// What a distance between rows of `quads` quads takes: two operations a number and its sum, or for 64 columns two
    /// exclusive ors, two counts and two sums.
    pub(super) fn operations(self, quads: u32) -> u64 {
        u64::from(quads) * if self == RowFormat::Bits { 6 } else { 12 }
    }
}

/// Declares a variant: rows a thread × others a tile.
macro_rules! distance_variants {
    ($(($name:literal, $rows:literal x $columns:literal, $family:ident $($quads:literal)?)),* $(,)?) => {
        &[$($crate::ops::distance_tile::distance_variants!(@one $name, $rows, $columns, $family $($quads)?)),*]
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup) => {
        Variant { name: $name, constants: &[("BITS", 0), ("BROADCAST", 1), ("ROWS", $rows), ("COLUMNS", $columns)], subgroup: true }
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup_bits) => {
        Variant { name: $name, constants: &[("BITS", 1), ("BROADCAST", 1), ("ROWS", $rows), ("COLUMNS", $columns)], subgroup: true }
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup_held_bits $quads:literal) => {
        Variant {
            name: $name,
            constants: &[("BITS", 1), ("BROADCAST", 1), ("QUADS", $quads), ("ROWS", $rows), ("COLUMNS", $columns)],
            subgroup: true,
        }
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup_held_bits $quads:literal) => {
        Variant {
            name: $name,
            constants: &[("BITS", 1), ("BROADCAST", 0), ("QUADS", $quads), ("ROWS", $rows), ("COLUMNS", $columns)],
            subgroup: false,
        }
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup_bits) => {
        Variant {
            name: $name,
            constants: &[("BITS", 1), ("BROADCAST", 0), ("DEPTH", 2), ("ROWS", $rows), ("COLUMNS", $columns)],
            subgroup: false,
        }
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup_deep_bits) => {
        Variant {
            name: $name,
            constants: &[("BITS", 1), ("BROADCAST", 0), ("DEPTH", 16), ("ROWS", $rows), ("COLUMNS", $columns)],
            subgroup: false,
        }
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup) => {
        Variant {
            name: $name,
            constants: &[("BITS", 0), ("BROADCAST", 0), ("DEPTH", 16), ("ROWS", $rows), ("COLUMNS", $columns)],
            subgroup: false,
        }
    };
}
pub(super) use distance_variants;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::KMEANS_ASSIGN;
    use crate::plan::Capabilities;

    #[test]
    fn the_variant_wastes_as_little_as_it_can() {
        for (columns, width) in [(1, 4), (4, 4), (5, 8), (8, 8), (9, 4), (16, 16), (24, 8), (32, 16)] {
            for (software, lanes, subgroup) in [(true, Some(8), true), (true, None, false), (false, Some(32), false)] {
                let variant = distance_variant(
                    &DeviceProfile::new(Capabilities::webgpu(software, lanes)),
                    &KMEANS_ASSIGN,
                    RowFormat::Numbers,
                    columns,
                );
                assert_eq!((variant.constant("COLUMNS"), variant.subgroup), (width, subgroup), "{columns} columns");
            }
        }
    }
}

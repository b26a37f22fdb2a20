//! Layouts, variants and the choice of variants for the kernels that compare tiles of rows. They import
//! `shaders/lib/tile_distances.wgsl`, or `shaders/lib/tile_bits.wgsl` to compare rows packed as bits with rows of f32 values.
//!
//! In these kernels each thread compares `ROWS` rows with `COLUMNS` other rows at a time. `COLUMN_THREADS` threads of a workgroup
//! compare the same rows with different other rows.

use super::{SILHOUETTE, SilhouetteSlice};
use crate::plan::{Kernel, Variant};
use crate::profiles::DeviceProfile;

/// Number of threads of a workgroup in variants without subgroup operations.
const THREADS: u32 = 64;

/// Returns the number of rows of a tile, which one workgroup processes. `lanes` is the subgroup size, which variants with
/// subgroup operations need.
pub(super) fn tile_rows(variant: &Variant, lanes: Option<u32>) -> u32 {
    let threads = if variant.subgroup { lanes.unwrap_or(1) } else { THREADS };
    threads / variant.constant("COLUMN_THREADS") * variant.constant("ROWS")
}

/// Returns the number of other rows of a tile.
pub(super) fn tile_columns(variant: &Variant) -> u32 {
    variant.constant("COLUMN_THREADS") * variant.constant("COLUMNS")
}

/// Returns the variant of a distance kernel for rows in the given layout that are compared with `columns` other rows.
///
/// The device profile says whether the variant uses subgroup operations. Among the remaining variants, this function returns the
/// one whose tiles waste the least work past the last of the other rows. If several waste equally little, it returns the one with
/// the widest tile.
pub fn distance_variant(profile: &DeviceProfile, kernel: &'static Kernel, format: RowFormat, columns: u32) -> &'static Variant {
    let bits = u32::from(format == RowFormat::Bits);
    distance_variant_of(profile, kernel, columns, |variant| variant.constant("BITS") == bits)
}

/// Returns the variant of a distance kernel among those for which `suits` holds, by the rules of [`distance_variant`].
pub(super) fn distance_variant_of(
    profile: &DeviceProfile,
    kernel: &'static Kernel,
    columns: u32,
    suits: impl Fn(&Variant) -> bool,
) -> &'static Variant {
    let subgroup = profile.settings().subgroup_distances;
    let family = kernel.variants.iter().filter(|variant| variant.subgroup == subgroup && suits(variant));
    least_padded(family, columns).unwrap_or_else(|| panic!("kernel {} has no variant for the device", kernel.name))
}

/// Returns the variant that computes silhouettes of rows of this shape, by the rules of [`distance_variant`].
pub fn silhouette_variant(profile: &DeviceProfile, shape: SilhouetteSlice) -> &'static Variant {
    let subgroup = profile.settings().subgroup_distances;
    let family = SILHOUETTE.variants.iter().filter(|variant| variant.subgroup == subgroup && shape.suits(variant));
    least_padded(family, shape.rows).unwrap_or_else(|| panic!("silhouette has no variant for {shape:?}"))
}

/// Returns the variant whose tiles waste the least work past the last of `columns` other rows. If several waste equally little,
/// it returns the one with the widest tile.
fn least_padded(family: impl Iterator<Item = &'static Variant>, columns: u32) -> Option<&'static Variant> {
    family.min_by_key(|variant| {
        let width = tile_columns(variant);
        (columns.div_ceil(width) * width, std::cmp::Reverse(width))
    })
}

/// The layout of rows for the distance kernels. A quad is the unit of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowFormat {
    /// f32 values, four in a quad; the last quad is padded with zeros.
    Numbers,
    /// Columns of 0 and 1 packed as bits, 64 in a quad; the last quad is padded with zeros.
    Bits,
}

impl RowFormat {
    /// Returns the number of quads in a row of `columns` columns.
    pub fn quads(self, columns: u32) -> u32 {
        match self {
            RowFormat::Numbers => columns.div_ceil(4),
            RowFormat::Bits => columns.div_ceil(64),
        }
    }

    /// Returns the number of bytes in a quad.
    pub fn quad_bytes(self) -> u32 {
        match self {
            RowFormat::Numbers => 16,
            RowFormat::Bits => 8,
        }
    }

    /// Returns the number of operations for a distance between rows of `quads` quads. Each f32 value takes two operations and an
    /// addition. Each quad of bits takes two exclusive ors, two bit counts and two additions.
    pub(super) fn operations(self, quads: u32) -> u64 {
        u64::from(quads) * if self == RowFormat::Bits { 6 } else { 12 }
    }
}

/// Declares the variants of a distance kernel. An entry has the variant's name, the number of rows of a thread × the number of
/// other rows that it compares them with at a time, and the family. The family says whether other rows are shared by subgroup
/// broadcasts or through workgroup memory, and whether rows are bits. For variants that share through workgroup memory, the
/// entry also has the number of threads that compare the same rows, and how many quads of a row are shared at a time. For
/// silhouettes of bits (`held`), it has the number of quads in a row, which a thread keeps in registers. For kernels that
/// process several tiles (`chunk`), it has the number of rows of all of them.
macro_rules! distance_variants {
    ($(($name:literal, $rows:literal x $columns:literal, $family:ident $($number:literal)*)),* $(,)?) => {
        &[$($crate::ops::distance_tile::distance_variants!(@one $name, $rows, $columns, $family $($number)*)),*]
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup) => {
        $crate::ops::distance_tile::distance_variants!(@variant $name, $rows, $columns, 1, true, ("BITS", 0), ("BROADCAST", 1))
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup_chunk $chunk:literal) => {
        $crate::ops::distance_tile::distance_variants!(
            @variant $name, $rows, $columns, 1, true, ("BITS", 0), ("BROADCAST", 1), ("CHUNK", $chunk)
        )
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup_chunk_wide $chunk:literal) => {
        $crate::ops::distance_tile::distance_variants!(
            @variant $name, $rows, $columns, 1, true, $crate::plan::WIDE, ("BITS", 0), ("BROADCAST", 1), ("CHUNK", $chunk)
        )
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup_chunk $column_threads:literal $depth:literal $chunk:literal) => {
        $crate::ops::distance_tile::distance_variants!(
            @variant $name, $rows, $columns, $column_threads, false, ("BITS", 0), ("BROADCAST", 0), ("DEPTH", $depth), ("CHUNK", $chunk)
        )
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup_bits) => {
        $crate::ops::distance_tile::distance_variants!(@variant $name, $rows, $columns, 1, true, ("BITS", 1), ("BROADCAST", 1))
    };
    (@one $name:literal, $rows:literal, $columns:literal, subgroup_held_bits $quads:literal) => {
        $crate::ops::distance_tile::distance_variants!(
            @variant $name, $rows, $columns, 1, true, ("BITS", 1), ("BROADCAST", 1), ("QUADS", $quads)
        )
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup_held_bits $quads:literal) => {
        $crate::ops::distance_tile::distance_variants!(
            @variant $name, $rows, $columns, 1, false, ("BITS", 1), ("BROADCAST", 0), ("QUADS", $quads)
        )
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup_bits $column_threads:literal $depth:literal) => {
        $crate::ops::distance_tile::distance_variants!(
            @variant $name, $rows, $columns, $column_threads, false, ("BITS", 1), ("BROADCAST", 0), ("DEPTH", $depth)
        )
    };
    (@one $name:literal, $rows:literal, $columns:literal, workgroup $column_threads:literal $depth:literal) => {
        $crate::ops::distance_tile::distance_variants!(
            @variant $name, $rows, $columns, $column_threads, false, ("BITS", 0), ("BROADCAST", 0), ("DEPTH", $depth)
        )
    };
    (@variant $name:literal, $rows:literal, $columns:literal, $column_threads:literal, $subgroup:literal, $($constant:expr),*) => {
        Variant {
            name: $name,
            constants: &[$($constant,)* ("ROWS", $rows), ("COLUMNS", $columns), ("COLUMN_THREADS", $column_threads)],
            subgroup: $subgroup,
        }
    };
}
pub(super) use distance_variants;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{KMEANS_POTENTIAL, SILHOUETTE};
    use crate::plan::Capabilities;

    #[test]
    fn the_variant_with_the_least_wasted_work_is_chosen() {
        for (columns, width) in [(1, 4), (4, 4), (5, 6), (6, 6), (7, 8), (9, 6), (12, 6), (16, 8), (24, 8)] {
            let profile = DeviceProfile::new(Capabilities::webgpu(true, Some(8)));
            let variant = distance_variant(&profile, &KMEANS_POTENTIAL, RowFormat::Numbers, columns);
            assert_eq!((variant.constant("COLUMNS"), variant.subgroup), (width, true), "{columns} columns");
        }
        for (software, lanes) in [(true, None), (false, Some(32))] {
            let profile = DeviceProfile::new(Capabilities::webgpu(software, lanes));
            assert!(!distance_variant(&profile, &KMEANS_POTENTIAL, RowFormat::Numbers, 16).subgroup);
        }
    }

    #[test]
    fn tiles_have_as_many_rows_and_columns_as_their_names_say() {
        let variant = SILHOUETTE.variants.iter().find(|variant| variant.name == "workgroup 48x56").unwrap();
        assert_eq!((tile_rows(variant, None), tile_columns(variant)), (48, 56));
        let variant = SILHOUETTE.variants.iter().find(|variant| variant.name == "subgroup 4x16").unwrap();
        assert_eq!((tile_rows(variant, Some(8)), tile_columns(variant)), (32, 16));
    }
}

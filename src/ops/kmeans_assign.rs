//! Assigns each row to the nearest centre of k-means. There are two kernels: a general one, and one that uses lookup tables for
//! rows packed as bits.

use super::SubgroupSize;
use super::distance_tile::{RowFormat, distance_variant, distance_variants, tile_rows};
use super::{Choice, Encoding, params, variants_of};
use crate::plan::{Binding, Cost, Kernel, Precision, Step, Variant, View, read, read_write};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of `kmeans_assign.wgsl` and `kmeans_assign_tables.wgsl` in `shaders/cluster`.
    struct KmeansAssignParams {
        rows: u32,
        quads: u32,
        clusters: u32,
        restarts: u32,
        finished_too: u32,
    }
}

const BINDINGS: &[Binding] =
    &[read("rows"), read("scales"), read("centers"), read("keys"), read("states"), read_write("labels"), read_write("distances")];
const OVERRIDES: &[(&str, &[u32])] = &[("TIES_BY_KEY", &[0, 1]), ("SCALED", &[0, 1])];

/// The general kernel. One workgroup compares some of the rows with all centres.
pub static KMEANS_ASSIGN: Kernel = Kernel {
    name: "kmeans_assign",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_assign.wgsl"),
    params: KmeansAssignParams::FIELDS,
    bindings: BINDINGS,
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("workgroup 192x16", 6 x 8, workgroup 2 2),
        ("bits subgroup 8x16", 8 x 16, subgroup_bits),
        ("bits subgroup 8x8", 8 x 8, subgroup_bits),
        ("bits subgroup 8x4", 8 x 4, subgroup_bits),
        ("bits workgroup 192x16", 3 x 16, workgroup_bits 1 16),
        ("bits workgroup 256x8", 4 x 8, workgroup_bits 1 16),
        ("bits workgroup 256x4", 4 x 4, workgroup_bits 1 16),
    ],
    overrides: OVERRIDES,
};

/// The kernel with lookup tables. The lanes of a subgroup hold every value that a few columns of bits can add to the distance to
/// a centre, and the kernel looks up these values for each row.
pub static KMEANS_ASSIGN_TABLES: Kernel = Kernel {
    name: "kmeans_assign_tables",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_assign_tables.wgsl"),
    params: KmeansAssignParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant {
            name: "bits 40 columns",
            constants: &[("BITS", 1), ("QUADS", 10), ("COLUMNS", 16), ("BLOCKS", 64)],
            subgroup: true,
        },
        Variant {
            name: "bits 12 columns",
            constants: &[("BITS", 1), ("QUADS", 3), ("COLUMNS", 16), ("BLOCKS", 64)],
            subgroup: true,
        },
    ],
    overrides: OVERRIDES,
};

/// Iterates over all variants of both kernels.
pub fn kmeans_assign_variants() -> impl Iterator<Item = Choice> {
    variants_of([&KMEANS_ASSIGN, &KMEANS_ASSIGN_TABLES], Precision::F32)
}

/// Sizes of the data that all k-means kernels share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansShape {
    /// Number of rows.
    pub rows: u32,
    /// Number of columns with padding, a multiple of four.
    pub columns: u32,
    /// Number of clusters, k.
    pub clusters: u32,
    /// Number of restarts that run in parallel.
    pub restarts: u32,
}

impl KmeansShape {
    /// Returns the number of vec4 in a row.
    pub(super) fn quads(self) -> u32 {
        self.columns / 4
    }

    /// Returns the number of vec4 in the sums of one restart: for each cluster, the sum of its rows and a vec4 of totals.
    pub fn sum_entries(self) -> u32 {
        self.clusters * (self.quads() + 1)
    }
}

/// The rule that assigns a row if several centres are equally near to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ties {
    /// The row goes to the centre with the lowest index, as scikit-learn's argmin chooses it.
    First,
    /// The row goes to the centre that a hash of row and centre ranks first, which spreads such rows over the centres.
    ///
    /// Rows of 0 and 1 tie often, and k-means++ tends to choose the centres of large clusters first. Under [`Ties::First`] these
    /// clusters win every tie, and Lloyd's iterations end with an inertia that is 4 % higher (500 rows of ten attributes, k =
    /// 32). In scikit-learn, rounding errors decide such ties.
    ByKey,
}

/// Finds the nearest centre of every row, for every restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansAssign {
    /// Sizes of the data.
    pub shape: KmeansShape,
    /// The rule for equally near centres.
    pub ties: Ties,
    /// Whether a set bit represents the scale of its column instead of 1. Only variants for rows packed as bits use it.
    pub scaled: bool,
    /// Whether finished restarts are processed as well, as is needed for the labels of the final centres.
    pub finished_too: bool,
}

impl KmeansAssign {
    /// Returns whether a variant supports a shape. A variant with lookup tables has a maximum number of centres and columns.
    pub fn suits((kernel, variant): Choice, shape: KmeansShape) -> bool {
        !kernel.is(&KMEANS_ASSIGN_TABLES)
            || (shape.clusters <= variant.constant("COLUMNS") && shape.quads() <= variant.constant("QUADS"))
    }

    /// Returns the variant for a device. For rows packed as bits, it is the smallest variant with lookup tables that supports the
    /// shape, if there is one and the device profile asks for lookup tables. They are faster where a subgroup shuffle is a single
    /// instruction.
    pub fn choice(profile: &DeviceProfile, shape: KmeansShape, format: RowFormat) -> Choice {
        let tables = KMEANS_ASSIGN_TABLES.variants.iter().filter(|variant| Self::suits((&KMEANS_ASSIGN_TABLES, variant), shape));
        let smallest = tables.min_by_key(|variant| variant.constant("QUADS"));
        match smallest {
            Some(variant) if format == RowFormat::Bits && profile.settings().distance_tables => (&KMEANS_ASSIGN_TABLES, variant),
            _ => (&KMEANS_ASSIGN, distance_variant(profile, &KMEANS_ASSIGN, format, shape.clusters)),
        }
    }

    /// Returns the work of the dispatch. For each row, centre and column, f32 values take a subtraction and a multiply-add; bits
    /// take the multiply-add only.
    pub fn cost(shape: KmeansShape, format: RowFormat) -> Cost {
        let [n, d, k, r] = [shape.rows, shape.columns, shape.clusters, shape.restarts].map(u64::from);
        let (operations, row_bytes) = match format {
            RowFormat::Numbers => (3, 4 * d),
            RowFormat::Bits => (2, 4 * d.div_ceil(32)),
        };
        Cost { flops: operations * d * n * k * r, bytes: r * (row_bytes * n + 4 * d * k + 16 * n) }
    }

    /// Returns the dispatch. It reads `views[0..5]`, the rows, scales, centers, keys and states, and writes `views[5]`, the
    /// labels, and `views[6]`, the squared distances, both `[restarts, rows]`.
    pub fn step(self, label: &str, (kernel, variant): Choice, lanes: impl Into<SubgroupSize>, views: [View; 7]) -> Step {
        let lanes = lanes.into().get();
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let quads = self.shape.quads();
        let rows_together = if kernel.is(&KMEANS_ASSIGN_TABLES) {
            variant.constant("BLOCKS") * lanes.unwrap_or(1)
        } else {
            tile_rows(variant, lanes)
        };
        Encoding {
            kernel,
            variant,
            lanes,
            overrides: vec![
                ("TIES_BY_KEY", f64::from(u8::from(self.ties == Ties::ByKey))),
                ("SCALED", f64::from(u8::from(self.scaled))),
            ],
            params: KmeansAssignParams { rows, quads, clusters, restarts, finished_too: u32::from(self.finished_too) },
            bindings: &views,
            workgroups: u64::from(restarts) * u64::from(rows.div_ceil(rows_together)),
            cost: Self::cost(self.shape, if variant.constant("BITS") == 1 { RowFormat::Bits } else { RowFormat::Numbers }),
        }
        .step(label)
    }
}

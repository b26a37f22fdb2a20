//! k-means: the nearest centre of every row, in two families of kernel.

use super::distance_tile::{RowFormat, distance_variant, distance_variants, workgroup_rows};
use super::{Choice, Encoding, params};
use crate::plan::{Binding, Cost, Kernel, Step, Variant, View, read, read_write};
use crate::profiles::DeviceProfile;

params! {
    /// `Params` of the two `kmeans_assign` shaders.
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

/// A workgroup holds some rows and passes the centres by them.
pub static KMEANS_ASSIGN: Kernel = Kernel {
    name: "kmeans_assign",
    group: "cluster",
    source: include_str!("../../shaders/cluster/kmeans_assign.wgsl"),
    params: KmeansAssignParams::FIELDS,
    bindings: BINDINGS,
    variants: distance_variants![
        ("subgroup 4x16", 4 x 16, subgroup),
        ("subgroup 4x8", 4 x 8, subgroup),
        ("subgroup 4x4", 4 x 4, subgroup),
        ("workgroup 4x16", 4 x 16, workgroup),
        ("workgroup 4x8", 4 x 8, workgroup),
        ("workgroup 4x4", 4 x 4, workgroup),
        ("bits subgroup 8x16", 8 x 16, subgroup_bits),
        ("bits subgroup 8x8", 8 x 8, subgroup_bits),
        ("bits subgroup 8x4", 8 x 4, subgroup_bits),
        ("bits workgroup 4x16", 4 x 16, workgroup_deep_bits),
        ("bits workgroup 4x8", 4 x 8, workgroup_deep_bits),
        ("bits workgroup 4x4", 4 x 4, workgroup_deep_bits),
    ],
    overrides: OVERRIDES,
};

/// A subgroup holds all that some columns can add to the distance to a centre, and passes rows of bits by it.
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

/// Both families, variant by variant.
pub fn kmeans_assign_variants() -> impl Iterator<Item = Choice> {
    [&KMEANS_ASSIGN, &KMEANS_ASSIGN_TABLES]
        .into_iter()
        .flat_map(|kernel| kernel.variants.iter().map(move |variant| (kernel, variant)))
}

/// Sizes that every kernel of k-means shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansShape {
    /// Rows of the data.
    pub rows: u32,
    /// Columns, a multiple of four.
    pub columns: u32,
    /// Clusters, k.
    pub clusters: u32,
    /// Restarts that run together.
    pub restarts: u32,
}

impl KmeansShape {
    /// vec4 in a row.
    pub(super) fn quads(self) -> u32 {
        self.columns / 4
    }

    /// vec4 in what `kmeans_accumulate` sums for a restart: a row and its tail for each cluster.
    pub fn sum_entries(self) -> u32 {
        self.clusters * (self.quads() + 1)
    }
}

/// Which of several equally near centres takes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ties {
    /// The lowest, as scikit-learn's argmin has it.
    First,
    /// The one that a hash of row and centre ranks first, so that rows share out among equals. Rows of 0 and 1 tie often, and
    /// k-means++ chooses the centres of large clusters first: with [`Ties::First`] these take every tie, and Lloyd's
    /// iterations end in inertias 4 % higher (500 rows of ten attributes, k = 32). scikit-learn's ties fall by rounding.
    ByKey,
}

/// The nearest centre of every row, for every restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KmeansAssign {
    /// Sizes.
    pub shape: KmeansShape,
    /// Who takes a tie.
    pub ties: Ties,
    /// Whether a bit of the rows, in variants for bits, stands for a number of its column and not for 1.
    pub scaled: bool,
    /// Whether restarts that have finished take part: for the labels of the final centres.
    pub finished_too: bool,
}

impl KmeansAssign {
    /// Whether a variant can do such a shape; those of the tables hold no more centres and columns than they are made for.
    pub fn suits((kernel, variant): Choice, shape: KmeansShape) -> bool {
        kernel.name != KMEANS_ASSIGN_TABLES.name
            || (shape.clusters <= variant.constant("COLUMNS") && shape.quads() <= variant.constant("QUADS"))
    }

    /// The variant for an adapter. Tables pay where a shuffle is one instruction: on a software adapter with subgroups of eight.
    pub fn choice(profile: &DeviceProfile, shape: KmeansShape, format: RowFormat) -> Choice {
        let tables = KMEANS_ASSIGN_TABLES.variants.iter().filter(|variant| Self::suits((&KMEANS_ASSIGN_TABLES, variant), shape));
        let smallest = tables.min_by_key(|variant| variant.constant("QUADS"));
        match smallest {
            Some(variant) if format == RowFormat::Bits && profile.settings().distance_tables => (&KMEANS_ASSIGN_TABLES, variant),
            _ => (&KMEANS_ASSIGN, distance_variant(profile, &KMEANS_ASSIGN, format, shape.clusters)),
        }
    }

    /// Work of the dispatch: of a number a difference and a multiply-add, of a bit the multiply-add alone.
    pub fn cost(shape: KmeansShape, format: RowFormat) -> Cost {
        let [n, d, k, r] = [shape.rows, shape.columns, shape.clusters, shape.restarts].map(u64::from);
        let (operations, row_bytes) = match format {
            RowFormat::Numbers => (3, 4 * d),
            RowFormat::Bits => (2, 4 * d.div_ceil(32)),
        };
        Cost { flops: operations * d * n * k * r, bytes: r * (row_bytes * n + 4 * d * k + 16 * n) }
    }

    /// The dispatch over rows, scales, centers, keys and states; writes labels and distances.
    pub fn step(self, label: &str, (kernel, variant): Choice, lanes: Option<u32>, views: [View; 7]) -> Step {
        let KmeansShape { rows, clusters, restarts, .. } = self.shape;
        let quads = self.shape.quads();
        let rows_together = if kernel.name == KMEANS_ASSIGN_TABLES.name {
            variant.constant("BLOCKS") * lanes.unwrap_or(1)
        } else {
            workgroup_rows(variant, lanes)
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

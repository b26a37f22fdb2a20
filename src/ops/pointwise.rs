//! Pointwise convolution and dense layers: a matrix product and an epilogue. There are five families of kernels.
//!
//! A dense layer is a pointwise convolution whose rows are the batch, so it uses the same kernels.

use super::SubgroupSize;
use super::activation::ACTIVATION;
use super::choice::choose;
use super::matrix_tile::{self, MatrixTile};
use super::{Activation, Choice, Encoding, OperandScale, params};
use crate::plan::{Binding, Cost, Kernel, Precision, Step, Variant, View, WIDE, WeightLayout, read, read_stored, write_stored};
use crate::profiles::{DeviceProfile, OperationShape};

params! {
    /// `Params` of the `pointwise_*` shaders.
    struct PointwiseParams {
        rows: u32,
        inputs: u32,
        outputs: u32,
        /// Number of column quads in a panel of weights.
        panel_quads: u32,
        /// 1 if there is a residual.
        residual: u32,
        /// 1 if the activation clamps values to [low, high].
        clamped: u32,
        low: f32,
        high: f32,
        /// What x is multiplied by before it is rounded to 16 bits, and its inverse. Only variants for mixed precision round it.
        scale: f32,
        inverse_scale: f32,
    }
}

const BINDINGS: &[Binding] = &[read_stored("x"), read_stored("w"), read("bias"), read_stored("residual"), write_stored("y")];
const OVERRIDES: &[(&str, &[u32])] = &[ACTIVATION];

/// The subgroup family. The lanes load weights together and broadcast them, and the rows stay in the lanes' registers.
pub static POINTWISE_SUBGROUP: Kernel = Kernel {
    name: "pointwise_subgroup",
    group: "conv",
    source: include_str!("../../shaders/conv/pointwise_subgroup.wgsl"),
    params: PointwiseParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "8x32", constants: &[("ROWS", 8), ("COLUMNS", 32)], subgroup: true },
        Variant { name: "2x32", constants: &[("ROWS", 2), ("COLUMNS", 32)], subgroup: true },
        Variant { name: "1x32", constants: &[("ROWS", 1), ("COLUMNS", 32)], subgroup: true },
        Variant { name: "7x32 wide", constants: &[WIDE, ("ROWS", 7), ("COLUMNS", 32)], subgroup: true },
        Variant { name: "8x32 wide", constants: &[WIDE, ("ROWS", 8), ("COLUMNS", 32)], subgroup: true },
        Variant { name: "5x32 wide", constants: &[WIDE, ("ROWS", 5), ("COLUMNS", 32)], subgroup: true },
        Variant { name: "5x64 wide", constants: &[WIDE, ("ROWS", 5), ("COLUMNS", 64)], subgroup: true },
        Variant { name: "7x40 wide", constants: &[WIDE, ("ROWS", 7), ("COLUMNS", 40)], subgroup: true },
        Variant { name: "8x16 wide", constants: &[WIDE, ("ROWS", 8), ("COLUMNS", 16)], subgroup: true },
        Variant { name: "8x24 wide", constants: &[WIDE, ("ROWS", 8), ("COLUMNS", 24)], subgroup: true },
    ],
    overrides: OVERRIDES,
};

/// The column family, which is meant for a single row. The columns stay in the lanes' registers, and the lanes pass the inputs of
/// the row to each other.
pub static POINTWISE_COLUMNS: Kernel = Kernel {
    name: "pointwise_columns",
    group: "conv",
    source: include_str!("../../shaders/conv/pointwise_columns.wgsl"),
    params: PointwiseParams::FIELDS,
    bindings: BINDINGS,
    variants: &[Variant { name: "1 row wide", constants: &[WIDE], subgroup: true }],
    overrides: OVERRIDES,
};

/// The register family. Each thread computes a tile in registers and loads its operands directly from memory.
pub static POINTWISE_REGISTERS: Kernel = Kernel {
    name: "pointwise_registers",
    group: "conv",
    source: include_str!("../../shaders/conv/pointwise_registers.wgsl"),
    params: PointwiseParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "8x8", constants: &[("ROWS", 8), ("COLUMNS", 8)], subgroup: false },
        Variant { name: "4x4", constants: &[("ROWS", 4), ("COLUMNS", 4)], subgroup: false },
    ],
    overrides: OVERRIDES,
};

/// The tile of a variant of the workgroup family.
struct Tile {
    /// Rows and columns of threads in a slice.
    threads: [i64; 2],
    /// Rows and columns of sums that a thread keeps.
    sums: [i64; 2],
    /// Number of inputs that a slice takes in a step.
    depth: i64,
    /// Number of slices, which share the inputs: 1, 2 or 4.
    slices: i64,
    /// Whether a thread loads for the next step while it multiplies.
    prefetch: bool,
    /// Number of passes over the columns of a thread if the products are 16-bit floats.
    passes: i64,
}

impl Tile {
    /// Returns a tile with a single slice that loads when it needs the numbers.
    const fn new(threads: [i64; 2], sums: [i64; 2], depth: i64) -> Tile {
        Tile { threads, sums, depth, slices: 1, prefetch: false, passes: 1 }
    }

    /// Returns the constants of a variant whose numbers are stored at 32 bits (`half` is 0) or 16 (`half` is 1).
    const fn constants(&self, half: i64) -> [(&'static str, i64); 9] {
        let Tile { threads: [thread_rows, thread_columns], sums: [rows, columns], depth, slices, prefetch, passes } = *self;
        let column_quads = columns / 4;
        // Each thread makes equally many loads, and loads the same column quad every time.
        assert!(depth % 4 == 0 && (rows * depth / 4) % thread_columns == 0);
        assert!((column_quads * depth) % thread_rows == 0 && thread_rows % column_quads == 0);
        assert!(column_quads % passes == 0 && (slices == 1 || slices == 2 || slices == 4));
        [
            ("HALF", half),
            ("THREAD_ROWS", thread_rows),
            ("THREAD_COLUMNS", thread_columns),
            ("ROWS", rows),
            ("COLUMNS", columns),
            ("DEPTH", depth),
            ("SLICES", slices),
            ("PREFETCH", prefetch as i64),
            ("PASSES", if half == 1 { passes } else { 1 }),
        ]
    }
}

/// The least memory traffic: for many rows and columns.
const TILE_128X128: Tile = Tile { passes: 2, ..Tile::new([16, 16], [8, 8], 8) };
/// For many rows and multiples of 64 columns. With 16-bit floats, more threads with fewer sums need fewer instructions.
const TILE_128X64: Tile = Tile::new([16, 8], [8, 8], 8);
const TILE_128X64_OF_HALVES: Tile = Tile::new([16, 16], [8, 4], 16);
/// For many rows and few columns.
const TILE_128X32: Tile = Tile::new([16, 8], [8, 4], 16);
/// For results that would be too few workgroups of the larger tiles.
const TILE_32X32: Tile = Tile::new([8, 8], [4, 4], 16);
/// For few results that are sums over many inputs, whose time is the number of steps times the latency of memory.
/// With 16-bit floats, twice as many inputs fit into workgroup memory.
const TILE_32X32_IN_SLICES: Tile = Tile { slices: 4, ..Tile::new([8, 8], [4, 4], 8) };
const TILE_32X32_IN_SLICES_OF_HALVES: Tile = Tile { slices: 4, ..Tile::new([8, 8], [4, 4], 16) };
/// For still fewer results, as those of a single image. There are too few workgroups to hide the latency of memory.
const TILE_16X16_IN_SLICES: Tile = Tile { slices: 4, prefetch: true, ..Tile::new([8, 4], [2, 4], 16) };

/// The workgroup family. A workgroup copies tiles of both matrices to workgroup memory, as is usual on a GPU.
pub static POINTWISE_WORKGROUP: Kernel = Kernel {
    name: "pointwise_workgroup",
    group: "conv",
    source: include_str!("../../shaders/conv/pointwise_workgroup.wgsl"),
    params: PointwiseParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "128x128", constants: &TILE_128X128.constants(0), subgroup: false },
        Variant { name: "128x64", constants: &TILE_128X64.constants(0), subgroup: false },
        Variant { name: "128x32", constants: &TILE_128X32.constants(0), subgroup: false },
        Variant { name: "32x32", constants: &TILE_32X32.constants(0), subgroup: false },
        Variant { name: "32x32 in slices", constants: &TILE_32X32_IN_SLICES.constants(0), subgroup: false },
        Variant { name: "16x16 in slices", constants: &TILE_16X16_IN_SLICES.constants(0), subgroup: false },
        Variant { name: "128x128 of f16", constants: &TILE_128X128.constants(1), subgroup: false },
        Variant { name: "128x64 of f16", constants: &TILE_128X64_OF_HALVES.constants(1), subgroup: false },
        Variant { name: "128x32 of f16", constants: &TILE_128X32.constants(1), subgroup: false },
        Variant { name: "32x32 of f16", constants: &TILE_32X32.constants(1), subgroup: false },
        Variant { name: "32x32 in slices of f16", constants: &TILE_32X32_IN_SLICES_OF_HALVES.constants(1), subgroup: false },
        Variant { name: "16x16 in slices of f16", constants: &TILE_16X16_IN_SLICES.constants(1), subgroup: false },
    ],
    overrides: OVERRIDES,
};

/// The cooperative family. Subgroups multiply matrices of 16-bit floats in tensor cores. The variants that store 32-bit floats
/// serve mixed precision.
pub static POINTWISE_COOPERATIVE: Kernel = Kernel {
    name: "pointwise_cooperative",
    group: "conv",
    source: include_str!("../../shaders/conv/pointwise_cooperative.wgsl"),
    params: PointwiseParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "64x64 of f16", constants: &matrix_tile::TILE_64X64.constants(Precision::F16), subgroup: false },
        Variant { name: "32x32 of f16", constants: &matrix_tile::TILE_32X32.constants(Precision::F16), subgroup: false },
        Variant {
            name: "32x32 in 8x8 of f16",
            constants: &matrix_tile::TILE_32X32_IN_8X8.constants(Precision::F16),
            subgroup: false,
        },
        Variant { name: "64x64", constants: &matrix_tile::TILE_64X64.constants(Precision::F32), subgroup: false },
        Variant { name: "32x32", constants: &matrix_tile::TILE_32X32.constants(Precision::F32), subgroup: false },
        Variant { name: "32x32 in 8x8", constants: &matrix_tile::TILE_32X32_IN_8X8.constants(Precision::F32), subgroup: false },
    ],
    overrides: OVERRIDES,
};

/// Iterates over the variants of the five families that store activations and weights at the given precision, except those for
/// mixed precision.
pub fn pointwise_variants(precision: Precision) -> impl Iterator<Item = Choice> {
    let families = [&POINTWISE_SUBGROUP, &POINTWISE_COLUMNS, &POINTWISE_REGISTERS, &POINTWISE_WORKGROUP, &POINTWISE_COOPERATIVE];
    super::variants_of(families, precision)
}

/// Iterates over the variants for mixed precision.
pub fn pointwise_mixed_variants() -> impl Iterator<Item = Choice> {
    super::mixed_variants_of(&POINTWISE_COOPERATIVE)
}

/// Computes y \[rows, outputs\] = activation(x \[rows, inputs\] · w \[inputs, outputs\] + bias \[outputs\]) +
/// residual \[rows, outputs\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pointwise {
    /// Number of rows: batch × height × width, or the batch for a dense layer.
    pub rows: u32,
    /// Number of input channels, a multiple of four.
    pub inputs: u32,
    /// Number of output channels, a multiple of four.
    pub outputs: u32,
    /// Order of the weights.
    pub layout: WeightLayout,
    /// The activation, applied before the residual is added.
    pub activation: Activation,
}

impl Pointwise {
    /// Returns whether a variant of any family can compute this layer.
    pub fn suits(self, variant: &Variant) -> bool {
        variant.suits_channels([self.inputs, self.outputs])
    }

    /// Returns the kernel and variant that the profile prefers.
    pub fn choice(self, profile: &DeviceProfile) -> Choice {
        let Pointwise { rows, inputs, outputs, layout, .. } = self;
        choose(profile, OperationShape::Pointwise { rows, inputs, outputs, layout }, |variant| self.suits(variant))
    }

    /// Returns the step that computes `y`. `lanes` is the subgroup size, which only the families with subgroups need.
    pub fn step(
        self,
        label: &str,
        choice: Choice,
        lanes: impl Into<SubgroupSize>,
        operands: [View; 3],
        residual: Option<View>,
        y: View,
    ) -> Step {
        self.step_scaled(label, choice, lanes, operands, residual, y, OperandScale::NONE)
    }

    /// Returns the same step with a scale for `x`, which only variants for mixed precision use.
    #[allow(clippy::too_many_arguments, reason = "`step` with one more")]
    pub fn step_scaled(
        self,
        label: &str,
        (kernel, variant): Choice,
        lanes: impl Into<SubgroupSize>,
        [x, w, bias]: [View; 3],
        residual: Option<View>,
        y: View,
        scale: OperandScale,
    ) -> Step {
        let lanes = lanes.into().get();
        let (rows, columns) = if kernel.is(&POINTWISE_SUBGROUP) {
            (variant.constant("ROWS") * lanes.unwrap_or(1), variant.constant("COLUMNS"))
        } else if kernel.is(&POINTWISE_COLUMNS) {
            (1, variant.channels_at_once() * lanes.unwrap_or(1))
        } else if kernel.is(&POINTWISE_COOPERATIVE) {
            MatrixTile::results(variant)
        } else {
            let is_workgroup = kernel.is(&POINTWISE_WORKGROUP);
            let threads = |name| if is_workgroup { variant.constant(name) } else { 8 };
            (threads("THREAD_ROWS") * variant.constant("ROWS"), threads("THREAD_COLUMNS") * variant.constant("COLUMNS"))
        };
        let bounds = self.activation.bounds();
        let [low, high] = bounds.unwrap_or_default();
        Encoding {
            kernel,
            variant,
            lanes,
            overrides: vec![self.activation.unless_bounds().as_override()],
            params: PointwiseParams {
                rows: self.rows,
                inputs: self.inputs,
                outputs: self.outputs,
                panel_quads: self.layout.panel(self.outputs) / 4,
                residual: u32::from(residual.is_some()),
                clamped: u32::from(bounds.is_some()),
                low,
                high,
                scale: scale.factor(),
                inverse_scale: scale.inverse(),
            },
            // A binding cannot be empty, so a layer without a residual binds its bias, which the kernel does not read as a
            // residual.
            bindings: &[x, w, bias, residual.unwrap_or(bias), y],
            workgroups: u64::from(self.rows.div_ceil(rows)) * u64::from(self.outputs.div_ceil(columns)),
            cost: self.cost(residual.is_some(), variant.precision()),
        }
        .step(label)
    }

    fn cost(self, residual: bool, precision: Precision) -> Cost {
        let (rows, inputs, outputs) = (u64::from(self.rows), u64::from(self.inputs), u64::from(self.outputs));
        Cost {
            flops: 2 * rows * inputs * outputs,
            bytes: precision.bytes() * (rows * inputs + inputs * outputs + rows * outputs * (1 + u64::from(residual)))
                + 4 * outputs,
        }
    }
}

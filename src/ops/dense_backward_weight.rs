//! Weight gradient of a dense layer. There are three families of kernels.

use super::SubgroupSize;
use super::activation::INPUT_ACTIVATION;
use super::choice::choose;
use super::layer_input::NORMALISE;
use super::matrix_tile::{self, MatrixTile};
use super::{Choice, Encoding, LayerInput, OperandScale, params};
use crate::plan::{Binding, Cost, Kernel, Precision, RowParts, Step, Variant, View, read, read_write};
use crate::profiles::{DeviceProfile, OperationShape};

params! {
    /// `Params` of the three `dense_backward_weight_*` shaders.
    struct DenseBackwardWeightParams {
        rows: u32,
        inputs: u32,
        outputs: u32,
        rows_a_part: u32,
        epsilon: f32,
        /// What gy is multiplied by before it is rounded to 16 bits, and its inverse. Only variants for mixed precision round it.
        scale: f32,
        inverse_scale: f32,
    }
}

const OVERRIDES: &[(&str, &[u32])] = &[NORMALISE, INPUT_ACTIVATION];
const BINDINGS: &[Binding] = &[read("x"), read("gy"), read("statistics"), read("affine"), read_write("dw")];

/// The subgroup family. The lanes load rows of gradients together and broadcast them, and each lane keeps a few inputs.
pub static DENSE_BACKWARD_WEIGHT_SUBGROUP: Kernel = Kernel {
    name: "dense_backward_weight_subgroup",
    group: "head",
    source: include_str!("../../shaders/head/dense_backward_weight_subgroup.wgsl"),
    params: DenseBackwardWeightParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "4x32", constants: &[("INPUTS", 4), ("COLUMNS", 32), ("TOGETHER", 4)], subgroup: true },
        Variant { name: "8x32", constants: &[("INPUTS", 8), ("COLUMNS", 32), ("TOGETHER", 4)], subgroup: true },
        Variant { name: "8x64", constants: &[("INPUTS", 8), ("COLUMNS", 64), ("TOGETHER", 4)], subgroup: true },
        Variant { name: "4x64", constants: &[("INPUTS", 4), ("COLUMNS", 64), ("TOGETHER", 4)], subgroup: true },
        Variant { name: "4x24", constants: &[("INPUTS", 4), ("COLUMNS", 24), ("TOGETHER", 4)], subgroup: true },
        Variant { name: "4x16", constants: &[("INPUTS", 4), ("COLUMNS", 16), ("TOGETHER", 4)], subgroup: true },
    ],
    overrides: OVERRIDES,
};

/// The register family. Each thread computes a tile in registers and loads its operands directly from memory.
pub static DENSE_BACKWARD_WEIGHT_REGISTERS: Kernel = Kernel {
    name: "dense_backward_weight_registers",
    group: "head",
    source: include_str!("../../shaders/head/dense_backward_weight_registers.wgsl"),
    params: DenseBackwardWeightParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "8x8", constants: &[("ROWS", 8), ("COLUMNS", 8)], subgroup: false },
        Variant { name: "4x4", constants: &[("ROWS", 4), ("COLUMNS", 4)], subgroup: false },
    ],
    overrides: OVERRIDES,
};

/// The cooperative family, for mixed precision. Subgroups multiply matrices of 16-bit floats in tensor cores.
pub static DENSE_BACKWARD_WEIGHT_COOPERATIVE: Kernel = Kernel {
    name: "dense_backward_weight_cooperative",
    group: "head",
    source: include_str!("../../shaders/head/dense_backward_weight_cooperative.wgsl"),
    params: DenseBackwardWeightParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "64x64", constants: &matrix_tile::TILE_64X64.constants(Precision::F32), subgroup: false },
        Variant { name: "32x32", constants: &matrix_tile::TILE_32X32.constants(Precision::F32), subgroup: false },
        Variant { name: "32x32 in 8x8", constants: &matrix_tile::TILE_32X32_IN_8X8.constants(Precision::F32), subgroup: false },
    ],
    overrides: OVERRIDES,
};

/// Iterates over the variants of the families that multiply 32-bit floats.
pub fn dense_backward_weight_variants() -> impl Iterator<Item = Choice> {
    super::variants_of([&DENSE_BACKWARD_WEIGHT_SUBGROUP, &DENSE_BACKWARD_WEIGHT_REGISTERS], Precision::F32)
}

/// Iterates over the variants for mixed precision.
pub fn dense_backward_weight_mixed_variants() -> impl Iterator<Item = Choice> {
    super::mixed_variants_of(&DENSE_BACKWARD_WEIGHT_COOPERATIVE)
}

/// Computes dw \[parts, inputs, outputs\] = x \[rows, inputs\]ᵀ · gy \[rows, outputs\] over each part of the rows.
/// [`SumOfParts`](super::SumOfParts) adds the parts. Their sum is the weight gradient of a dense layer or of a pointwise
/// convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DenseBackwardWeight {
    /// The rows: batch, or batch × height × width. A part is one chain of additions, so it should have a few thousand rows at
    /// most.
    pub rows: RowParts,
    /// Number of input channels, a multiple of four.
    pub inputs: u32,
    /// Number of output channels, a multiple of four.
    pub outputs: u32,
}

impl DenseBackwardWeight {
    /// Returns the kernel and variant that the profile prefers.
    pub fn choice(self, profile: &DeviceProfile) -> Choice {
        let DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs } = self;
        choose(profile, OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs }, |_| true)
    }

    /// Returns the step that computes `dw`. `lanes` is the subgroup size, which only the subgroup family needs. Variants for
    /// mixed precision scale `gy` by [`OperandScale::GRADIENT`].
    pub fn step(
        self,
        label: &str,
        (kernel, variant): Choice,
        lanes: impl Into<SubgroupSize>,
        x: impl Into<LayerInput>,
        gy: View,
        dw: View,
    ) -> Step {
        let scale = OperandScale::GRADIENT;
        let lanes = lanes.into().get();
        let x: LayerInput = x.into();
        let [statistics, affine] = x.bindings();
        let (input_tile, output_tile) = if kernel.is(&DENSE_BACKWARD_WEIGHT_SUBGROUP) {
            (variant.constant("INPUTS") * lanes.unwrap_or(1), variant.constant("COLUMNS"))
        } else if kernel.is(&DENSE_BACKWARD_WEIGHT_COOPERATIVE) {
            MatrixTile::results(variant)
        } else {
            (8 * variant.constant("ROWS"), 8 * variant.constant("COLUMNS"))
        };
        let (rows, inputs, outputs) = (u64::from(self.rows.rows), u64::from(self.inputs), u64::from(self.outputs));
        let parts = u64::from(self.rows.count());
        Encoding {
            kernel,
            variant,
            lanes,
            overrides: x.overrides().to_vec(),
            params: DenseBackwardWeightParams {
                rows: self.rows.rows,
                inputs: self.inputs,
                outputs: self.outputs,
                rows_a_part: self.rows.rows_a_part,
                epsilon: x.epsilon(),
                scale: scale.factor(),
                inverse_scale: scale.inverse(),
            },
            bindings: &[x.view, gy, statistics, affine, dw],
            workgroups: parts * u64::from(self.inputs.div_ceil(input_tile)) * u64::from(self.outputs.div_ceil(output_tile)),
            cost: Cost { flops: 2 * rows * inputs * outputs, bytes: 4 * (rows * (inputs + outputs) + parts * inputs * outputs) },
        }
        .step(label)
    }
}

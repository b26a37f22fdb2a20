//! Gradient of a dense layer by its weights, in two families of kernel.

use super::{Binding, Cost, Encoding, Kernel, Variant, params, read, read_write};
use crate::scheduler::{Step, View};

params! {
    /// `Params` of the two `dense_dw_*` shaders.
    struct DenseDwParams {
        rows: u32,
        inputs: u32,
        outputs: u32,
    }
}

const BINDINGS: &[Binding] = &[read("x"), read("gy"), read_write("dw")];

/// A subgroup loads a row of gradients once and broadcasts it; a lane keeps four inputs.
pub static DENSE_DW_SUBGROUP: Kernel = Kernel {
    name: "dense_dw_subgroup",
    group: "head",
    source: include_str!("../../shaders/head/dense_dw_subgroup.wgsl"),
    params: DenseDwParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "4x32", constants: &[("COLUMNS", 32)], subgroup: true },
        Variant { name: "4x16", constants: &[("COLUMNS", 16)], subgroup: true },
    ],
    overrides: &[],
};

/// Every thread reads what it needs from memory into a register tile.
pub static DENSE_DW_REGISTERS: Kernel = Kernel {
    name: "dense_dw_registers",
    group: "head",
    source: include_str!("../../shaders/head/dense_dw_registers.wgsl"),
    params: DenseDwParams::FIELDS,
    bindings: BINDINGS,
    variants: &[
        Variant { name: "8x8", constants: &[("ROWS", 8), ("COLUMNS", 8)], subgroup: false },
        Variant { name: "4x4", constants: &[("ROWS", 4), ("COLUMNS", 4)], subgroup: false },
    ],
    overrides: &[],
};

/// Every variant of both families.
pub fn dense_dw_variants() -> impl Iterator<Item = (&'static Kernel, &'static Variant)> {
    [&DENSE_DW_SUBGROUP, &DENSE_DW_REGISTERS]
        .into_iter()
        .flat_map(|kernel: &'static Kernel| kernel.variants.iter().map(move |variant| (kernel, variant)))
}

/// dw\[inputs, outputs\] = x\[rows, inputs\]ᵀ · gy\[rows, outputs\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DenseDw {
    /// The batch; up to some thousands, since one run of additions goes over all rows.
    pub rows: u32,
    /// Input channels, a multiple of four.
    pub inputs: u32,
    /// Output channels, a multiple of four.
    pub outputs: u32,
}

impl DenseDw {
    /// The dispatch with one family's kernel and variant; `lanes` is the subgroup size for the subgroup family.
    pub fn step(
        self,
        label: &str,
        (kernel, variant): (&'static Kernel, &'static Variant),
        lanes: Option<u32>,
        x: View,
        gy: View,
        dw: View,
    ) -> Step {
        let (input_tile, output_tile) = if kernel.name == DENSE_DW_SUBGROUP.name {
            (4 * lanes.unwrap_or(1), variant.constant("COLUMNS"))
        } else {
            (8 * variant.constant("ROWS"), 8 * variant.constant("COLUMNS"))
        };
        let (rows, inputs, outputs) = (u64::from(self.rows), u64::from(self.inputs), u64::from(self.outputs));
        Encoding {
            kernel,
            variant,
            lanes,
            overrides: Vec::new(),
            params: DenseDwParams { rows: self.rows, inputs: self.inputs, outputs: self.outputs },
            bindings: &[x, gy, dw],
            workgroups: u64::from(self.inputs.div_ceil(input_tile)) * u64::from(self.outputs.div_ceil(output_tile)),
            cost: Cost { flops: 2 * rows * inputs * outputs, bytes: 4 * (rows * (inputs + outputs) + inputs * outputs) },
        }
        .step(label)
    }
}

//! The multiply-add ceiling of an adapter: what `kernels perf` measures every kernel's arithmetic against.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/ceiling/fused_multiply_add.wgsl`.
    struct FusedMultiplyAddParams {
        vectors: u32,
        rounds: u32,
        factor: f32,
        addend: f32,
    }
}

/// Independent chains of multiply-adds in registers; variants differ in their number.
pub static FUSED_MULTIPLY_ADD: Kernel = Kernel {
    name: "fused_multiply_add",
    group: "ceiling",
    source: include_str!("../../shaders/ceiling/fused_multiply_add.wgsl"),
    params: FusedMultiplyAddParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[
        Variant { name: "8 chains", constants: &[("ACCUMULATORS", 8), ("UNROLL", 8)], subgroup: false },
        Variant { name: "12 chains", constants: &[("ACCUMULATORS", 12), ("UNROLL", 8)], subgroup: false },
    ],
    overrides: &[],
};

/// y = Σ_j a_j after so many a_j ← a_j · factor + addend, elementwise on \[vectors, 4\].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FusedMultiplyAdd {
    /// Vectors of four; one a thread.
    pub vectors: u32,
    /// Times the unrolled body is run.
    pub rounds: u32,
    /// The factor; between −1 and 1, nothing overflows.
    pub factor: f32,
    /// The addend.
    pub addend: f32,
}

impl FusedMultiplyAdd {
    /// The dispatch.
    pub fn step(self, label: &str, variant: &'static Variant, x: View, y: View) -> Step {
        let FusedMultiplyAdd { vectors, rounds, factor, addend } = self;
        let chains = u64::from(variant.constant("ACCUMULATORS"));
        let flops = 8 * chains * u64::from(variant.constant("UNROLL")) * u64::from(rounds);
        Encoding {
            kernel: &FUSED_MULTIPLY_ADD,
            variant,
            lanes: None,
            overrides: Vec::new(),
            params: FusedMultiplyAddParams { vectors, rounds, factor, addend },
            bindings: &[x, y],
            workgroups: u64::from(vectors).div_ceil(64),
            cost: Cost { flops: flops * u64::from(vectors), bytes: 32 * u64::from(vectors) },
        }
        .step(label)
    }
}

//! Measures how many multiply-adds per second an adapter reaches. `kernels perf` compares the arithmetic of every kernel with it.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/ceiling/fused_multiply_add.wgsl`.
    struct FusedMultiplyAddParams {
        vectors: u32,
        rounds: u32,
        factor: f32,
    }
}

/// The kernel of [`FusedMultiplyAdd`]. It runs independent chains of multiply-adds in registers. The variants differ in the
/// number of chains.
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

/// Runs chains of multiply-adds for each element of a tensor \[vectors, 4\].
///
/// Chain j starts with a_j = x + j, and a_j ← a_j · factor + x is repeated `rounds` times the constant `UNROLL` of the
/// variant. Then y = Σ_j a_j.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FusedMultiplyAdd {
    /// Number of vectors of four elements. Each thread computes one vector.
    pub vectors: u32,
    /// Number of times that the unrolled loop body runs.
    pub rounds: u32,
    /// The factor. A factor between −1 and 1 prevents overflow.
    pub factor: f32,
}

impl FusedMultiplyAdd {
    /// Returns the step that computes `y` from `x`, both \[vectors, 4\].
    pub fn step(self, label: &str, variant: &'static Variant, x: View, y: View) -> Step {
        let FusedMultiplyAdd { vectors, rounds, factor } = self;
        let chains = u64::from(variant.constant("ACCUMULATORS"));
        let flops = 8 * chains * u64::from(variant.constant("UNROLL")) * u64::from(rounds);
        Encoding {
            kernel: &FUSED_MULTIPLY_ADD,
            variant,
            lanes: None,
            overrides: Vec::new(),
            params: FusedMultiplyAddParams { vectors, rounds, factor },
            bindings: &[x, y],
            workgroups: u64::from(vectors).div_ceil(64),
            cost: Cost { flops: flops * u64::from(vectors), bytes: 32 * u64::from(vectors) },
        }
        .step(label)
    }
}

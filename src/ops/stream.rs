//! Measures the memory bandwidth of an adapter. `kernels perf` compares the memory traffic of every kernel with it.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/ceiling/stream.wgsl`.
    struct StreamParams {
        vectors: u32,
    }
}

/// The kernel of [`Stream`]. It copies a tensor and adds one. The variants differ in the number of vectors per thread.
pub static STREAM: Kernel = Kernel {
    name: "stream",
    group: "ceiling",
    source: include_str!("../../shaders/ceiling/stream.wgsl"),
    params: StreamParams::FIELDS,
    bindings: &[read("x"), read_write("y")],
    variants: &[
        Variant { name: "4 vectors", constants: &[("VECTORS", 4)], subgroup: false },
        Variant { name: "1 vector", constants: &[("VECTORS", 1)], subgroup: false },
    ],
    overrides: &[],
};

/// Computes y = x + 1 for each element of a tensor \[vectors, 4\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Number of vectors of four elements.
    pub vectors: u32,
}

impl Stream {
    /// Returns the step that computes `y` from `x`, both \[vectors, 4\].
    pub fn step(self, label: &str, variant: &'static Variant, x: View, y: View) -> Step {
        let vectors = u64::from(self.vectors);
        Encoding {
            kernel: &STREAM,
            variant,
            lanes: None,
            overrides: Vec::new(),
            params: StreamParams { vectors: self.vectors },
            bindings: &[x, y],
            workgroups: vectors.div_ceil(64 * u64::from(variant.constant("VECTORS"))),
            cost: Cost { flops: 4 * vectors, bytes: 32 * vectors },
        }
        .step(label)
    }
}

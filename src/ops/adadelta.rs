//! The AdaDelta optimiser.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/optim/adadelta.wgsl`.
    struct AdadeltaParams {
        quads: u32,
        learning_rate: f32,
        rho: f32,
        epsilon: f32,
    }
}

/// The kernel of [`Adadelta`]. One thread updates four parameters.
pub static ADADELTA: Kernel = Kernel {
    name: "adadelta",
    group: "optim",
    source: include_str!("../../shaders/optim/adadelta.wgsl"),
    params: AdadeltaParams::FIELDS,
    bindings: &[read("gradient"), read_write("parameter"), read_write("accumulated_gradient"), read_write("accumulated_update")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// One update of AdaDelta (Zeiler 2012) as implemented in Keras: a = rho a + (1 − rho) g²,
/// u = g √(d + epsilon) / √(a + epsilon), p −= learning_rate u, d = rho d + (1 − rho) u².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adadelta {
    /// Number of parameters, a multiple of four.
    pub count: u32,
    /// Factor of the update u. The default is 1 in Keras 2.2.4, which the paper used, and in PyTorch; it is 0.001 in
    /// TensorFlow 2.
    pub learning_rate: f32,
    /// Decay of both running averages. The default is 0.95 in Keras and 0.9 in PyTorch.
    pub rho: f32,
    /// Added under both square roots. The default is 1e-7 in Keras and 1e-6 in PyTorch.
    pub epsilon: f32,
}

impl Adadelta {
    /// Returns the step that updates `parameter` \[count\]. `state` holds the accumulated squared gradient a and the accumulated
    /// squared update d, each \[count\]; both must be 0 before the first update.
    pub fn step(self, label: &str, gradient: View, parameter: View, state: [View; 2]) -> Step {
        let count = u64::from(self.count);
        Encoding {
            kernel: &ADADELTA,
            variant: &ADADELTA.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: AdadeltaParams {
                quads: self.count / 4,
                learning_rate: self.learning_rate,
                rho: self.rho,
                epsilon: self.epsilon,
            },
            bindings: &[gradient, parameter, state[0], state[1]],
            workgroups: (count / 4).div_ceil(64),
            cost: Cost { flops: 13 * count, bytes: 28 * count },
        }
        .step(label)
    }
}

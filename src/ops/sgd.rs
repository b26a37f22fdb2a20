//! Gradient descent with momentum.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/optim/sgd.wgsl`.
    struct SgdParams {
        quads: u32,
        learning_rate: f32,
        momentum: f32,
    }
}

/// The kernel of [`Sgd`]. One thread updates four parameters.
pub static SGD: Kernel = Kernel {
    name: "sgd",
    group: "optim",
    source: include_str!("../../shaders/optim/sgd.wgsl"),
    params: SgdParams::FIELDS,
    bindings: &[read("gradient"), read_write("parameter"), read_write("velocity")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[("NESTEROV", &[0, 1])],
};

/// One update of gradient descent with momentum as implemented in Keras: v = momentum v − learning_rate g, then p += v, or with
/// Nesterov momentum p += momentum v − learning_rate g.
///
/// PyTorch stores −v / learning_rate instead of v. Its parameters are the same as long as the learning rate does not change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Number of parameters, a multiple of four.
    pub count: u32,
    /// Learning rate. The default is 0.01 in Keras.
    pub learning_rate: f32,
    /// Decay of the velocity; 0 for plain gradient descent.
    pub momentum: f32,
    /// Whether to use Nesterov momentum.
    pub nesterov: bool,
}

impl Sgd {
    /// Returns the step that updates `parameter` \[count\] and `velocity` \[count\], which must be 0 before the first update.
    pub fn step(self, label: &str, gradient: View, parameter: View, velocity: View) -> Step {
        let count = u64::from(self.count);
        Encoding {
            kernel: &SGD,
            variant: &SGD.variants[0],
            lanes: None,
            overrides: vec![("NESTEROV", f64::from(u8::from(self.nesterov)))],
            params: self.encode(),
            bindings: &[gradient, parameter, velocity],
            workgroups: (count / 4).div_ceil(64),
            cost: Cost { flops: if self.nesterov { 6 } else { 4 } * count, bytes: 20 * count },
        }
        .step(label)
    }

    /// Returns the bytes of the kernel's `Params`. They replace those of a recorded step to run it with another learning rate.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    fn encode(self) -> SgdParams {
        SgdParams { quads: self.count / 4, learning_rate: self.learning_rate, momentum: self.momentum }
    }
}

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

/// A thread updates four parameters.
pub static SGD: Kernel = Kernel {
    name: "sgd",
    group: "optim",
    source: include_str!("../../shaders/optim/sgd.wgsl"),
    params: SgdParams::FIELDS,
    bindings: &[read("gradient"), read_write("parameter"), read_write("velocity")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[("NESTEROV", &[0, 1])],
};

/// One update: v = momentum v − learning_rate g, then p += v, or with Nesterov's look ahead p += momentum v − learning_rate g
/// (Keras). PyTorch keeps −v / learning_rate instead: the same parameters as long as the learning rate stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Parameters, a multiple of four.
    pub count: u32,
    /// 0.01 in Keras.
    pub learning_rate: f32,
    /// 0 for plain gradient descent.
    pub momentum: f32,
    /// Whether to look ahead.
    pub nesterov: bool,
}

impl Sgd {
    /// The dispatch. `velocity` is v, 0 at first.
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

    /// The bytes of `Params`, to move a recorded step on to another learning rate.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    fn encode(self) -> SgdParams {
        SgdParams { quads: self.count / 4, learning_rate: self.learning_rate, momentum: self.momentum }
    }
}

//! Gradient descent with momentum.

use super::optimizer::{Optimizer, OptimizerEntry, OptimizerOption, OptionDefault, Update, exactly};
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

/// Gradient descent with momentum, as Keras computes it: v = momentum v − learning_rate g, and then p += v. Nesterov's form
/// computes p += momentum v − learning_rate g instead. The state is the velocity v.
///
/// PyTorch keeps −v / learning_rate instead; the parameters are the same as long as the learning rate stays the same. The
/// learning rate is 0.01 in Keras.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Share of the velocity that an update keeps; 0 for plain gradient descent.
    pub momentum: f32,
    /// Whether to use Nesterov momentum.
    pub nesterov: bool,
}

/// The entry of gradient descent in the table of optimizers.
pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    name: "sgd",
    about: "Stochastic gradient descent with momentum",
    learning_rate: 0.01,
    options: &[
        OptimizerOption { name: "momentum", about: "Momentum; 0 for none", default: OptionDefault::Number(0.9) },
        OptimizerOption { name: "nesterov", about: "Use Nesterov's form of the momentum", default: OptionDefault::Off },
    ],
    build: |options| Sgd { momentum: options.number("momentum") as f32, nesterov: options.switch("nesterov") }.into(),
};

impl Optimizer for Sgd {
    fn kernel(&self) -> &'static Kernel {
        &SGD
    }

    fn states(&self) -> usize {
        1
    }

    fn step(&self, label: &str, update: Update, gradient: View, parameter: View, states: &[View]) -> Step {
        let count = u64::from(update.count);
        let [velocity] = exactly(states);
        Encoding {
            kernel: &SGD,
            variant: &SGD.variants[0],
            lanes: None,
            overrides: vec![("NESTEROV", f64::from(u8::from(self.nesterov)))],
            params: SgdParams { quads: update.count / 4, learning_rate: update.learning_rate as f32, momentum: self.momentum },
            bindings: &[gradient, parameter, velocity],
            workgroups: (count / 4).div_ceil(64),
            cost: Cost { flops: if self.nesterov { 6 } else { 4 } * count, bytes: 20 * count },
        }
        .step(label)
    }

    fn reference(&self, update: Update, g: f64, values: &mut [f64]) {
        let (learning_rate, momentum) = (update.learning_rate, f64::from(self.momentum));
        let [p, v] = exactly(values);
        let v = momentum * v - learning_rate * g;
        let step = if self.nesterov { momentum * v - learning_rate * g } else { v };
        values.copy_from_slice(&[p + step, v]);
    }
}

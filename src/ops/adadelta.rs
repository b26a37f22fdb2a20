//! The AdaDelta optimizer.

use super::optimizer::{Optimizer, OptimizerEntry, Update, exactly};
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

/// AdaDelta (Zeiler 2012), as Keras computes it: a = rho a + (1 − rho) g², u = g √(d + epsilon) / √(a + epsilon),
/// p −= learning_rate u, d = rho d + (1 − rho) u². The states are the accumulated squared gradient a and the accumulated
/// squared update d.
///
/// The learning rate is 1 in Keras 2.2.4, which the paper used, and in PyTorch; it is 0.001 in TensorFlow 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adadelta {
    /// Decay of both averages: 0.95 in Keras, 0.9 in PyTorch.
    pub rho: f32,
    /// The number added under both square roots. The default is 1e-7 in Keras and 1e-6 in PyTorch.
    pub epsilon: f32,
}

impl Adadelta {
    /// AdaDelta with the constants of Keras 2.2.4.
    pub const KERAS: Adadelta = Adadelta { rho: 0.95, epsilon: 1e-7 };
}

/// The entry of AdaDelta in the table of optimizers.
pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    name: "adadelta",
    about: "AdaDelta with the constants of Keras 2.2.4, as in the paper",
    learning_rate: 1.0,
    options: &[],
    build: |_| Adadelta::KERAS.into(),
};

impl Optimizer for Adadelta {
    fn kernel(&self) -> &'static Kernel {
        &ADADELTA
    }

    fn states(&self) -> usize {
        2
    }

    fn step(&self, label: &str, update: Update, gradient: View, parameter: View, states: &[View]) -> Step {
        let count = u64::from(update.count);
        let [accumulated_gradient, accumulated_update] = exactly(states);
        Encoding {
            kernel: &ADADELTA,
            variant: &ADADELTA.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: AdadeltaParams {
                quads: update.count / 4,
                learning_rate: update.learning_rate as f32,
                rho: self.rho,
                epsilon: self.epsilon,
            },
            bindings: &[gradient, parameter, accumulated_gradient, accumulated_update],
            workgroups: (count / 4).div_ceil(64),
            cost: Cost { flops: 13 * count, bytes: 28 * count },
        }
        .step(label)
    }

    fn reference(&self, update: Update, g: f64, values: &mut [f64]) {
        let [rho, epsilon] = [self.rho, self.epsilon].map(f64::from);
        let [p, a, d] = exactly(values);
        let a = rho * a + (1.0 - rho) * g * g;
        let u = g * (d + epsilon).sqrt() / (a + epsilon).sqrt();
        values.copy_from_slice(&[p - update.learning_rate * u, a, rho * d + (1.0 - rho) * u * u]);
    }
}

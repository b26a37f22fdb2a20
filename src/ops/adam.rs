//! The Adam and AdamW optimisers.

use super::{Encoding, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/optim/adam.wgsl`.
    struct AdamParams {
        quads: u32,
        step_size: f32,
        beta1: f32,
        rest1: f32,
        beta2: f32,
        rest2: f32,
        epsilon: f32,
        kept: f32,
    }
}

/// The kernel of [`Adam`]. One thread updates four parameters.
pub static ADAM: Kernel = Kernel {
    name: "adam",
    group: "optim",
    source: include_str!("../../shaders/optim/adam.wgsl"),
    params: AdamParams::FIELDS,
    bindings: &[read("gradient"), read_write("parameter"), read_write("first_moment"), read_write("second_moment")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// The place where epsilon is added to √v.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdamForm {
    /// Before the bias of √v is corrected, as in Keras.
    Keras,
    /// After the bias of √v is corrected, as in PyTorch and in the algorithm of Kingma and Ba.
    Pytorch,
}

/// Update number t of Adam (Kingma and Ba 2015), or of AdamW (Loshchilov and Hutter 2019) if there is weight decay.
///
/// m = beta1 m + (1 − beta1) g, v = beta2 v + (1 − beta2) g², p −= learning_rate weight_decay p, and then, in the form of Keras,
/// p −= learning_rate √(1 − beta2ᵗ) / (1 − beta1ᵗ) m / (√v + epsilon). The weight decay is multiplied by the learning rate, as
/// in `AdamW` of PyTorch and Keras. Keras 2.2.4 uses t + 1 instead of t in the bias corrections; this is not copied here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Number of parameters, a multiple of four.
    pub count: u32,
    /// Learning rate. The default is 0.001 in Keras and PyTorch.
    pub learning_rate: f64,
    /// Decay of the average gradient, usually 0.9.
    pub beta1: f64,
    /// Decay of the average squared gradient, usually 0.999.
    pub beta2: f64,
    /// Added to √v. The default is 1e-7 in Keras and 1e-8 in PyTorch.
    pub epsilon: f64,
    /// Weight decay: 0 for Adam. The default of PyTorch's `AdamW` is 0.01.
    pub weight_decay: f64,
    /// The place where epsilon is added.
    pub form: AdamForm,
    /// The number t of this update, counted from 1.
    pub update: u32,
}

impl Adam {
    /// Returns the step that updates `parameter` \[count\]. `state` holds the average gradient m and the average squared gradient
    /// v, each \[count\]; both must be 0 before the first update.
    pub fn step(self, label: &str, gradient: View, parameter: View, state: [View; 2]) -> Step {
        let count = u64::from(self.count);
        Encoding {
            kernel: &ADAM,
            variant: &ADAM.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: self.encode(),
            bindings: &[gradient, parameter, state[0], state[1]],
            workgroups: (count / 4).div_ceil(64),
            cost: Cost { flops: 13 * count, bytes: 28 * count },
        }
        .step(label)
    }

    /// Returns the bytes of the kernel's `Params`. They replace those of a recorded step to run it for another update or with
    /// another learning rate.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    fn encode(self) -> AdamParams {
        // 1 − betaᵗ is computed as −expm1(t ln(beta)), because the subtraction would lose digits while betaᵗ is close to 1.
        let rest = |beta: f64| -(f64::from(self.update) * beta.ln()).exp_m1();
        let correction = rest(self.beta2).sqrt();
        let epsilon = match self.form {
            AdamForm::Keras => self.epsilon,
            AdamForm::Pytorch => self.epsilon * correction,
        };
        AdamParams {
            quads: self.count / 4,
            step_size: (self.learning_rate * correction / rest(self.beta1)) as f32,
            beta1: self.beta1 as f32,
            rest1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            rest2: (1.0 - self.beta2) as f32,
            epsilon: epsilon as f32,
            kept: (1.0 - self.learning_rate * self.weight_decay) as f32,
        }
    }
}

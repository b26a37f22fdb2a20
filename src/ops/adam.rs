//! The Adam and AdamW optimizers.

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

/// A thread updates four parameters.
pub static ADAM: Kernel = Kernel {
    name: "adam",
    group: "optim",
    source: include_str!("../../shaders/optim/adam.wgsl"),
    params: AdamParams::FIELDS,
    bindings: &[read("gradient"), read_write("parameter"), read_write("first_moment"), read_write("second_moment")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Where epsilon is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdamForm {
    /// To √v before its bias is corrected (Keras).
    Keras,
    /// To √v after its bias is corrected (PyTorch, and the algorithm in the paper).
    Pytorch,
}

/// Update number t of Adam, or of AdamW where there is weight decay: m = beta1 m + (1 − beta1) g,
/// v = beta2 v + (1 − beta2) g², p −= learning_rate weight_decay p, then p −= learning_rate √(1 − beta2ᵗ) / (1 − beta1ᵗ) m /
/// (√v + epsilon) as Keras has it (Kingma and Ba 2015; Loshchilov and Hutter 2019 for the decay, which PyTorch's `AdamW`
/// and Keras' scale by the learning rate, too). Keras 2.2.4 corrects with t + 1 where t belongs, which is not repeated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Parameters, a multiple of four.
    pub count: u32,
    /// 0.001 in Keras and PyTorch.
    pub learning_rate: f64,
    /// Decay of the average gradient: 0.9.
    pub beta1: f64,
    /// Decay of the average squared gradient: 0.999.
    pub beta2: f64,
    /// 1e-7 in Keras, 1e-8 in PyTorch.
    pub epsilon: f64,
    /// 0 for Adam; 0.01 in PyTorch's `AdamW`.
    pub weight_decay: f64,
    /// Where epsilon is added.
    pub form: AdamForm,
    /// t: which update this is, from 1.
    pub update: u32,
}

impl Adam {
    /// The dispatch. `state` is the average gradient m and the average squared gradient v, both 0 at first.
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

    /// The bytes of `Params`, to move a recorded step on to another update or learning rate.
    pub fn params(self) -> Vec<u8> {
        bytemuck::bytes_of(&self.encode()).to_vec()
    }

    fn encode(self) -> AdamParams {
        // Powers of what is nearly 1 are taken by logarithms: 1 − beta² of the first updates keeps its digits.
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

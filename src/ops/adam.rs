//! The Adam and AdamW optimizers.

use super::optimizer::{Optimizer, OptimizerEntry, OptimizerOption, OptionDefault, Update, exactly};
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

/// Adam (Kingma and Ba 2015) or, with weight decay, AdamW (Loshchilov and Hutter 2019). Update number t computes
/// m = beta1 m + (1 − beta1) g, v = beta2 v + (1 − beta2) g², p −= learning_rate weight_decay p, and then
/// p −= learning_rate √(1 − beta2ᵗ) / (1 − beta1ᵗ) m / (√v + epsilon), as Keras does. The states are the average gradient m
/// and the average squared gradient v.
///
/// The decay is scaled by the learning rate, as in PyTorch's and Keras' `AdamW`. Keras 2.2.4 mistakenly uses t + 1 instead of t
/// in the correction of the bias; this implementation uses t. The usual learning rate is 0.001.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Where epsilon is added.
    pub form: AdamForm,
    /// The number added to √v. The default is 1e-7 in Keras and 1e-8 in PyTorch.
    pub epsilon: f64,
    /// Weight decay: 0 for Adam, and 0.01 by default in PyTorch's `AdamW`. It changes only the parameters that decay
    /// ([`Update::decays`]).
    pub weight_decay: f64,
    /// Decay of the average gradient and of the average squared gradient: 0.9 and 0.999.
    pub betas: [f64; 2],
}

impl Adam {
    /// Adam with the constants of Keras.
    pub const KERAS: Adam = Adam { form: AdamForm::Keras, epsilon: 1e-7, weight_decay: 0.0, betas: [0.9, 0.999] };

    /// AdamW with the constants of PyTorch.
    pub const PYTORCH_ADAMW: Adam = Adam { form: AdamForm::Pytorch, epsilon: 1e-8, weight_decay: 0.01, ..Adam::KERAS };

    fn decay(&self, update: Update) -> f64 {
        if update.decays { self.weight_decay } else { 0.0 }
    }
}

/// The entry of Adam in the table of optimizers.
pub(super) const ADAM_ENTRY: OptimizerEntry = OptimizerEntry {
    name: "adam",
    about: "Adam with the constants of Keras",
    learning_rate: 1e-3,
    options: &[],
    build: |_| Adam::KERAS.into(),
};

/// The entry of AdamW in the table of optimizers.
pub(super) const ADAMW_ENTRY: OptimizerEntry = OptimizerEntry {
    name: "adamw",
    about: "AdamW with the constants of PyTorch",
    learning_rate: 1e-3,
    options: &[OptimizerOption {
        name: "weight-decay",
        about: "Weight decay, which applies to kernels only",
        default: OptionDefault::Number(Adam::PYTORCH_ADAMW.weight_decay),
    }],
    build: |options| Adam { weight_decay: options.number("weight-decay"), ..Adam::PYTORCH_ADAMW }.into(),
};

impl Optimizer for Adam {
    fn kernel(&self) -> &'static Kernel {
        &ADAM
    }

    fn states(&self) -> usize {
        2
    }

    fn step(&self, label: &str, update: Update, gradient: View, parameter: View, states: &[View]) -> Step {
        let [first_moment, second_moment] = exactly(states);
        // These are 1 − betaᵗ. Because beta is nearly 1, the plain subtraction would lose digits in the first updates.
        let [rest1, rest2] = self.betas.map(|beta| -(f64::from(update.number) * beta.ln()).exp_m1());
        let correction = rest2.sqrt();
        let epsilon = match self.form {
            AdamForm::Keras => self.epsilon,
            AdamForm::Pytorch => self.epsilon * correction,
        };
        let count = u64::from(update.count);
        Encoding {
            kernel: &ADAM,
            variant: &ADAM.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: AdamParams {
                quads: update.count / 4,
                step_size: (update.learning_rate * correction / rest1) as f32,
                beta1: self.betas[0] as f32,
                rest1: (1.0 - self.betas[0]) as f32,
                beta2: self.betas[1] as f32,
                rest2: (1.0 - self.betas[1]) as f32,
                epsilon: epsilon as f32,
                kept: (1.0 - update.learning_rate * self.decay(update)) as f32,
            },
            bindings: &[gradient, parameter, first_moment, second_moment],
            workgroups: (count / 4).div_ceil(64),
            cost: Cost { flops: 13 * count, bytes: 28 * count },
        }
        .step(label)
    }

    fn reference(&self, update: Update, g: f64, values: &mut [f64]) {
        let Update { learning_rate, number, .. } = update;
        let [beta1, beta2] = self.betas;
        let [correction1, correction2] = self.betas.map(|beta| 1.0 - beta.powi(number as i32));
        let [p, m, v] = exactly(values);
        let m = beta1 * m + (1.0 - beta1) * g;
        let v = beta2 * v + (1.0 - beta2) * g * g;
        let step = match self.form {
            AdamForm::Keras => learning_rate * correction2.sqrt() / correction1 * m / (v.sqrt() + self.epsilon),
            AdamForm::Pytorch => learning_rate * (m / correction1) / ((v / correction2).sqrt() + self.epsilon),
        };
        values.copy_from_slice(&[p - learning_rate * self.decay(update) * p - step, m, v]);
    }

    /// Checkpoints have always named these three settings. The betas are added only if they are not the usual ones.
    fn settings(&self) -> String {
        let Adam { form, epsilon, weight_decay, betas } = self;
        let betas = if *betas == Adam::KERAS.betas { String::new() } else { format!(", betas: {betas:?}") };
        format!("Adam {{ form: {form:?}, epsilon: {epsilon:?}, weight_decay: {weight_decay:?}{betas} }}")
    }
}

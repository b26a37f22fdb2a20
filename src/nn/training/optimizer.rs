//! How gradients move the weights: the optimizers, and the course of the learning rate.

use std::f64::consts::PI;

use crate::ops::{Adadelta, Adam, AdamForm, Sgd};
use crate::plan::{Step, View};

/// An optimizer with its constants; the learning rate comes from a [`Schedule`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// AdaDelta (Zeiler 2012) as Keras 2.2.4 has it.
    Adadelta {
        /// Decay of both averages: 0.95 in Keras.
        rho: f32,
        /// 1e-7 in Keras.
        epsilon: f32,
    },
    /// Adam (Kingma and Ba 2015); with weight decay AdamW (Loshchilov and Hutter 2019), where only kernels decay.
    Adam {
        /// Where epsilon is added.
        form: AdamForm,
        /// 1e-7 in Keras, 1e-8 in PyTorch.
        epsilon: f64,
        /// 0 for Adam; 0.01 in PyTorch's AdamW.
        weight_decay: f64,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// 0 for none.
        momentum: f32,
        /// Nesterov's form of it.
        nesterov: bool,
    },
}

impl Optimizer {
    /// AdaDelta with the constants of Keras 2.2.4.
    pub const KERAS_ADADELTA: Optimizer = Optimizer::Adadelta { rho: 0.95, epsilon: 1e-7 };

    /// How many buffers of state it keeps.
    pub fn states(self) -> usize {
        match self {
            Optimizer::Sgd { .. } => 1,
            _ => 2,
        }
    }

    /// The step that moves `count` parameters, of which weight decay holds for those that `decays`. `update` counts from 1.
    pub fn step(self, label: &str, update: Update, [gradient, parameter]: [View; 2], state: [View; 2]) -> Step {
        let Update { count, decays, learning_rate, number } = update;
        match self {
            Optimizer::Adadelta { rho, epsilon } => {
                let kernel = Adadelta { count, learning_rate: learning_rate as f32, rho, epsilon };
                kernel.step(label, gradient, parameter, state)
            }
            Optimizer::Adam { form, epsilon, weight_decay } => {
                let weight_decay = if decays { weight_decay } else { 0.0 };
                let (beta1, beta2) = (0.9, 0.999);
                let kernel = Adam { count, learning_rate, beta1, beta2, epsilon, weight_decay, form, update: number };
                kernel.step(label, gradient, parameter, state)
            }
            Optimizer::Sgd { momentum, nesterov } => {
                let kernel = Sgd { count, learning_rate: learning_rate as f32, momentum, nesterov };
                kernel.step(label, gradient, parameter, state[0])
            }
        }
    }
}

/// One update of some parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Parameters, a multiple of four.
    pub count: u32,
    /// Whether weight decay holds for them.
    pub decays: bool,
    /// The learning rate.
    pub learning_rate: f64,
    /// Which update it is, from 1.
    pub number: u32,
}

/// The learning rate over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// The same throughout.
    Constant,
    /// From a 25th of the rate up to it over the first `warm_up` part of the steps, then down to a millionth of it, both along
    /// half a cosine: PyTorch's `OneCycleLR` with `pct_start = warm_up` and `final_div_factor = 40000`.
    Cosine {
        /// Part of all steps, in \[0, 1).
        warm_up: f64,
    },
}

impl Schedule {
    /// The rate of step `step` of `steps`, counted from 0, where `peak` is the largest.
    pub fn rate(self, peak: f64, step: u64, steps: u64) -> f64 {
        let Schedule::Cosine { warm_up } = self else { return peak };
        let last = steps.saturating_sub(1) as f64;
        let top = warm_up * steps as f64 - 1.0;
        let between = |from: f64, to: f64, part: f64| to + (from - to) / 2.0 * (1.0 + (PI * part.clamp(0.0, 1.0)).cos());
        let step = step as f64;
        if step <= top {
            between(peak / 25.0, peak, step / top.max(1.0))
        } else {
            between(peak, peak / 1e6, (step - top) / (last - top).max(1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// Values of `torch.optim.lr_scheduler.OneCycleLR(max_lr=1e-3, total_steps=100, pct_start=0.3, final_div_factor=4e4)`:
    /// a 25th at first, the peak at step 29, a millionth of it at last.
    #[test]
    fn the_cosine_rises_falls_and_ends_where_it_should() {
        let rate = |step| Schedule::Cosine { warm_up: 0.3 }.rate(1e-3, step, 100);
        assert_relative_eq!(rate(0), 4e-5, max_relative = 1e-12);
        assert_relative_eq!(rate(29), 1e-3, max_relative = 1e-12);
        assert_relative_eq!(rate(99), 1e-9, max_relative = 1e-6);
        // Half way down, between steps 29 and 99, the mean of both ends.
        assert_relative_eq!(rate(64), (1e-3 + 1e-9) / 2.0, max_relative = 1e-9);
        assert!((0..29).all(|step| rate(step) < rate(step + 1)) && (29..99).all(|step| rate(step) > rate(step + 1)));
        assert_eq!(Schedule::Constant.rate(0.5, 7, 9), 0.5);
        let at_once = |step| Schedule::Cosine { warm_up: 0.0 }.rate(1.0, step, 10);
        assert!(at_once(0) > 0.95 && at_once(9) < 1e-5);
        assert!(Schedule::Cosine { warm_up: 0.3 }.rate(1.0, 0, 1).is_finite());
    }
}

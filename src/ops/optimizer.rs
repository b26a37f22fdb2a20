//! Optimizers: rules by which gradients move parameters, each with its kernel in a file of its own.
//!
//! [`OPTIMIZERS`] lists them. The command line, checkpoints and fingerprints take names, options and defaults from there.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::plan::{Kernel, Step, View};

/// A rule that moves parameters, with its settings. The learning rate is not one of them: each [`Update`] brings its own.
pub trait Optimizer: fmt::Debug + Send + Sync {
    /// Returns the kernel that runs the rule.
    fn kernel(&self) -> &'static Kernel;

    /// Returns the number of tensors that the rule keeps for each tensor of parameters. All are zero before the first update.
    fn states(&self) -> usize;

    /// Returns the dispatch of one update. `gradient`, `parameter` and each of the [`states`](Optimizer::states) hold
    /// [`Update::count`] values. The kernel changes all of them except the gradient.
    ///
    /// # Panics
    /// Panics if the number of states is wrong.
    fn step(&self, label: &str, update: Update, gradient: View, parameter: View, states: &[View]) -> Step;

    /// Computes one update of one parameter in f64: the reference for the kernel. `values` holds the parameter, then its
    /// states, and is changed in place.
    ///
    /// # Panics
    /// Panics if the number of states is wrong.
    fn reference(&self, update: Update, gradient: f64, values: &mut [f64]);

    /// Returns the settings in words. A checkpoint keeps them, and training resumes only with the same settings.
    fn settings(&self) -> String {
        format!("{self:?}")
    }
}

/// One update of some parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Number of parameters, a multiple of four.
    pub count: u32,
    /// Whether weight decay applies to these parameters.
    pub decays: bool,
    /// The learning rate.
    pub learning_rate: f64,
    /// Number of the update, counted from 1.
    pub number: u32,
}

/// Any optimizer. Clones share it, and two are equal if their settings are equal.
#[derive(Clone)]
pub struct AnyOptimizer(Arc<dyn Optimizer>);

impl<T: Optimizer + 'static> From<T> for AnyOptimizer {
    fn from(optimizer: T) -> AnyOptimizer {
        AnyOptimizer(Arc::new(optimizer))
    }
}

impl Deref for AnyOptimizer {
    type Target = dyn Optimizer;

    fn deref(&self) -> &(dyn Optimizer + 'static) {
        &*self.0
    }
}

impl PartialEq for AnyOptimizer {
    fn eq(&self, other: &AnyOptimizer) -> bool {
        self.settings() == other.settings()
    }
}

impl fmt::Debug for AnyOptimizer {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.settings())
    }
}

/// An optimizer as users choose it: its name, its options and the defaults.
#[derive(Debug)]
pub struct OptimizerEntry {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line that describes it.
    pub about: &'static str,
    /// Its usual learning rate.
    pub learning_rate: f64,
    /// Its options.
    pub options: &'static [OptimizerOption],
    /// Builds it from the values of its options.
    pub build: fn(&OptionValues) -> AnyOptimizer,
}

/// An option of an optimizer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizerOption {
    /// Its name on the command line, without dashes at the front.
    pub name: &'static str,
    /// One line that describes it.
    pub about: &'static str,
    /// Its type and default.
    pub default: OptionDefault,
}

/// Type and default of an option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptionDefault {
    /// A number with this default.
    Number(f64),
    /// A switch, off by default.
    Off,
}

/// The values of the options of one optimizer.
#[derive(Debug, Clone)]
pub struct OptionValues(Vec<(&'static str, f64)>);

impl OptionValues {
    /// Returns the value of an option that is a number.
    ///
    /// # Panics
    /// Panics if the optimizer declares no such option.
    pub fn number(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("the optimizer declares no option `{name}`")).1
    }

    /// Returns whether a switch is on.
    ///
    /// # Panics
    /// Panics if the optimizer declares no such option.
    pub fn switch(&self, name: &str) -> bool {
        self.number(name) != 0.0
    }
}

impl OptimizerEntry {
    /// Returns the optimizer with the options that `given` returns, by name, and defaults for the others. A switch is on if
    /// its value is not 0.
    pub fn with(&self, given: impl Fn(&str) -> Option<f64>) -> AnyOptimizer {
        let value = |option: &OptimizerOption| {
            let default = match option.default {
                OptionDefault::Number(number) => number,
                OptionDefault::Off => 0.0,
            };
            (option.name, given(option.name).unwrap_or(default))
        };
        (self.build)(&OptionValues(self.options.iter().map(value).collect()))
    }
}

/// Every optimizer. The first is the default.
pub static OPTIMIZERS: &[OptimizerEntry] =
    &[super::adadelta::ENTRY, super::adam::ADAM_ENTRY, super::adam::ADAMW_ENTRY, super::sgd::ENTRY];

/// Returns the states as an array.
///
/// # Panics
/// Panics if their number is not N.
pub(super) fn exactly<const N: usize, T: Copy>(states: &[T]) -> [T; N] {
    <[T; N]>::try_from(states).unwrap_or_else(|_| panic!("the optimizer needs {N} tensors but got {}", states.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_in_checkpoints_stay_as_they_are() {
        let none = |_: &str| None;
        let settings: Vec<String> = OPTIMIZERS.iter().take(4).map(|entry| entry.with(none).settings()).collect();
        let expected = [
            "Adadelta { rho: 0.95, epsilon: 1e-7 }",
            "Adam { form: Keras, epsilon: 1e-7, weight_decay: 0.0 }",
            "Adam { form: Pytorch, epsilon: 1e-8, weight_decay: 0.01 }",
            "Sgd { momentum: 0.9, nesterov: false }",
        ];
        assert_eq!(settings, expected);
    }

    #[test]
    fn options_reach_the_optimizer_and_names_are_unique() {
        let sgd = OPTIMIZERS.iter().find(|entry| entry.name == "sgd").unwrap();
        let given = |name: &str| (name == "nesterov").then_some(1.0);
        assert_eq!(sgd.with(given).settings(), "Sgd { momentum: 0.9, nesterov: true }");
        for (at, entry) in OPTIMIZERS.iter().enumerate() {
            assert!(OPTIMIZERS[..at].iter().all(|before| before.name != entry.name), "two optimizers are called {}", entry.name);
        }
    }
}

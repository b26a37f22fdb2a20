//! Activations: their codes, values and derivatives. `shaders/lib/activation.wgsl` computes the same on the device.
//!
//! To add an activation, extend this file and the shader snippet. Every kernel that applies or recomputes an activation takes
//! its code as an override, so no kernel changes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The activation at the end of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// f(v) = v.
    #[default]
    None,
    /// f(v) = max(v, 0).
    Relu,
    /// f(v) = min(max(v, 0), 6).
    Relu6,
    /// f(v) = 1 / (1 + e^−v).
    Sigmoid,
}

/// The gradient basis of an activation: the tensor from which its derivative is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GradientBasis {
    /// The input or the output; both give the same derivative.
    Either,
    /// The output.
    Output,
    /// The input. Training must keep or recompute what went into the activation.
    Input,
}

impl Activation {
    /// Every activation, at the position of its code.
    pub const ALL: &'static [Activation] = &[Activation::None, Activation::Relu, Activation::Relu6, Activation::Sigmoid];

    /// Returns its code in shaders, which is its position in [`Activation::ALL`].
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Returns its name, as [`FromStr`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Activation::None => "none",
            Activation::Relu => "relu",
            Activation::Relu6 => "relu6",
            Activation::Sigmoid => "sigmoid",
        }
    }

    /// Returns f(v).
    pub fn value(self, v: f64) -> f64 {
        match self {
            Activation::None => v,
            Activation::Relu => v.max(0.0),
            Activation::Relu6 => v.clamp(0.0, 6.0),
            Activation::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        }
    }

    /// Returns the basis that [`derivative`](Activation::derivative) takes.
    pub const fn gradient_basis(self) -> GradientBasis {
        match self {
            Activation::None | Activation::Relu | Activation::Relu6 => GradientBasis::Either,
            Activation::Sigmoid => GradientBasis::Output,
        }
    }

    /// Returns f′, computed from the gradient basis. It is 0 at the knees of ReLU and ReLU6.
    pub fn derivative(self, basis: f64) -> f64 {
        match self {
            Activation::None => 1.0,
            Activation::Relu => f64::from(u8::from(basis > 0.0)),
            Activation::Relu6 => f64::from(u8::from(basis > 0.0 && basis < 6.0)),
            Activation::Sigmoid => basis * (1.0 - basis),
        }
    }

    /// Returns f′(v), computed from the input.
    pub fn derivative_at(self, v: f64) -> f64 {
        match self.gradient_basis() {
            GradientBasis::Output => self.derivative(self.value(v)),
            GradientBasis::Either | GradientBasis::Input => self.derivative(v),
        }
    }

    /// Returns the smallest and the largest value of an activation that only clamps its input, and `None` for others. A kernel
    /// that takes bounds as parameters needs only one pipeline for all clamping activations and for layers without activation.
    pub(super) const fn bounds(self) -> Option<[f32; 2]> {
        match self {
            Activation::Relu => Some([0.0, f32::INFINITY]),
            Activation::Relu6 => Some([0.0, 6.0]),
            Activation::None | Activation::Sigmoid => None,
        }
    }

    /// Returns the activation for the `ACTIVATION` override of a kernel that takes bounds as parameters:
    /// [`Activation::None`] in place of an activation that clamps.
    pub(super) const fn unless_bounds(self) -> Activation {
        if self.bounds().is_some() { Activation::None } else { self }
    }

    /// Returns the override `ACTIVATION`. It sets the activation that a kernel applies or whose gradient it computes.
    pub(super) fn as_override(self) -> (&'static str, f64) {
        (ACTIVATION.0, f64::from(self.code()))
    }

    /// Returns the flops that the gradient of one element takes in a kernel that recomputes the activation's input by batch
    /// norm.
    pub(super) const fn recomputed_gradient_flops(self) -> u64 {
        if matches!(self, Activation::None) { 0 } else { 4 }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The error for a name that no activation has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no activation `{found}`; expected one of {}", names())]
pub struct UnknownActivation {
    /// The name that was given.
    pub found: String,
}

fn names() -> String {
    Activation::ALL.iter().map(|activation| activation.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Activation {
    type Err = UnknownActivation;

    fn from_str(name: &str) -> Result<Activation, UnknownActivation> {
        let found = Activation::ALL.iter().find(|activation| activation.name() == name);
        found.copied().ok_or_else(|| UnknownActivation { found: name.to_string() })
    }
}

const CODES: [u32; Activation::ALL.len()] = {
    let mut codes = [0; Activation::ALL.len()];
    let mut at = 0;
    while at < codes.len() {
        assert!(Activation::ALL[at].code() == at as u32, "Activation::ALL is not in the order of the codes");
        codes[at] = at as u32;
        at += 1;
    }
    codes
};

/// Name and values of the override for the activation at the end of a layer.
pub(super) const ACTIVATION: (&str, &[u32]) = ("ACTIVATION", &CODES);

/// Name and values of the override for the activation at the end of the previous layer, in kernels that recompute it.
pub(super) const INPUT_ACTIVATION: (&str, &[u32]) = ("INPUT_ACTIVATION", &CODES);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wgsl::expand;

    #[test]
    fn names_are_read_as_they_are_written() {
        for activation in Activation::ALL {
            assert_eq!(activation.to_string().parse(), Ok(*activation));
        }
        assert!("swish".parse::<Activation>().unwrap_err().to_string().contains("none, relu"));
    }

    #[test]
    fn derivatives_agree_with_finite_differences_away_from_the_knees() {
        let step = 1e-6;
        for activation in Activation::ALL {
            for v in [-2.0, -0.3, 0.4, 3.0, 5.9, 7.0] {
                let slope = (activation.value(v + step) - activation.value(v - step)) / (2.0 * step);
                let found = activation.derivative_at(v);
                assert!((found - slope).abs() < 1e-8, "{activation} at {v}: {found}, the difference quotient is {slope}");
            }
        }
    }

    #[test]
    fn the_shader_names_every_activation_at_its_code() {
        let source = expand("#import activation\n", &[("HALF", 0)], &[]).unwrap();
        for activation in &Activation::ALL[1..] {
            let line = format!("const {}: u32 = {}u;", activation.name().to_uppercase(), activation.code());
            assert!(source.contains(&line), "shaders/lib/activation.wgsl lacks `{line}`");
        }
    }
}

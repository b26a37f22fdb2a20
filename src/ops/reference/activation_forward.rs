//! y = activation(x)

use crate::ops::Activation;

use super::pointwise::activate;

/// Returns the activation of every element.
pub fn activation_forward(activation: Activation, x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| activate(activation, *x)).collect()
}

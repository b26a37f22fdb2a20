//! dx = gy · f′

use crate::ops::Activation;

/// Returns the gradient with respect to x. `basis` holds the input or the output of the activation, as
/// [`Activation::gradient_basis`] says.
pub fn activation_backward(activation: Activation, gy: &[f64], basis: &[f64]) -> Vec<f64> {
    gy.iter().zip(basis).map(|(gy, basis)| gy * activation.derivative(*basis)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::GradientBasis;
    use crate::ops::reference::{activation_forward::activation_forward, finite_difference::check};

    #[test]
    fn gradients_of_activations_agree_with_finite_differences_away_from_the_knees() {
        let (x, gy) = ([-2.0, -0.3, 0.4, 3.0, 5.9, 7.0], [1.0, -0.5, 2.0, 0.25, -1.0, 3.0]);
        for &activation in Activation::ALL {
            let basis = match activation.gradient_basis() {
                GradientBasis::Input => x.to_vec(),
                GradientBasis::Either | GradientBasis::Output => activation_forward(activation, &x),
            };
            check(&gy, &x, &activation_backward(activation, &gy, &basis), |x| activation_forward(activation, x));
        }
    }

    #[test]
    fn nothing_passes_at_the_knees() {
        assert_eq!(activation_backward(Activation::Relu, &[1.0], &[0.0]), [0.0]);
        assert_eq!(activation_backward(Activation::Relu6, &[1.0, 1.0], &[0.0, 6.0]), [0.0, 0.0]);
    }
}

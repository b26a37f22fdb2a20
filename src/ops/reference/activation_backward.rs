//! dx = gy · f′, with f′ from y: 1 where y > 0 for ReLU, 1 where 0 < y < 6 for ReLU6, y (1 − y) for the sigmoid

use crate::ops::Activation;

/// The gradient by x from the output y.
pub fn activation_backward(activation: Activation, gy: &[f64], y: &[f64]) -> Vec<f64> {
    let slope = |y: f64| match activation {
        Activation::None => 1.0,
        Activation::Relu => f64::from(u8::from(y > 0.0)),
        Activation::Relu6 => f64::from(u8::from(y > 0.0 && y < 6.0)),
        Activation::Sigmoid => y * (1.0 - y),
    };
    gy.iter().zip(y).map(|(gy, y)| gy * slope(*y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::{activation_forward::activation_forward, finite_difference::check};

    #[test]
    fn gradients_of_activations_agree_with_finite_differences_away_from_the_knees() {
        let (x, gy) = ([-2.0, -0.3, 0.4, 3.0, 5.9, 7.0], [1.0, -0.5, 2.0, 0.25, -1.0, 3.0]);
        for activation in [Activation::None, Activation::Relu, Activation::Relu6, Activation::Sigmoid] {
            let y = activation_forward(activation, &x);
            check(&gy, &x, &activation_backward(activation, &gy, &y), |x| activation_forward(activation, x));
        }
    }

    #[test]
    fn nothing_passes_at_the_knees() {
        assert_eq!(activation_backward(Activation::Relu, &[1.0], &[0.0]), [0.0]);
        assert_eq!(activation_backward(Activation::Relu6, &[1.0, 1.0], &[0.0, 6.0]), [0.0, 0.0]);
    }
}

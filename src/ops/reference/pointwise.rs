//! y\[m, n\] = activation(Σ_k x\[m, k\] · w\[k, n\] + bias\[n\]) + residual\[m, n\]

use crate::ops::Activation;

/// Returns the activation of a value.
pub fn activate(activation: Activation, value: f64) -> f64 {
    activation.value(value)
}

/// Returns the product with its epilogue. The sizes are rows, inputs and outputs.
pub fn pointwise(
    [rows, inputs, outputs]: [usize; 3],
    activation: Activation,
    [x, w, bias]: [&[f32]; 3],
    residual: Option<&[f32]>,
) -> Vec<f64> {
    let mut y = Vec::with_capacity(rows * outputs);
    for m in 0..rows {
        for n in 0..outputs {
            let sum: f64 = (0..inputs).map(|k| f64::from(x[m * inputs + k]) * f64::from(w[k * outputs + n])).sum();
            let shortcut = residual.map_or(0.0, |residual| f64::from(residual[m * outputs + n]));
            y.push(activate(activation, sum + f64::from(bias[n])) + shortcut);
        }
    }
    y
}

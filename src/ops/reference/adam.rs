//! Adam: m = beta1 m + (1 − beta1) g;  v = beta2 v + (1 − beta2) g²;  p −= learning_rate weight_decay p;
//! p −= learning_rate √(1 − beta2ᵗ) / (1 − beta1ᵗ) m / (√v + epsilon), or in the form of PyTorch
//! p −= learning_rate m / (1 − beta1ᵗ) / (√(v / (1 − beta2ᵗ)) + epsilon)

use crate::ops::{Adam, AdamForm};

/// Returns parameter, average gradient and average squared gradient after one update. `state` holds them before the update, in
/// the same order, each \[count\].
pub fn adam(rates: Adam, gradient: &[f64], state: [&[f64]; 3]) -> [Vec<f64>; 3] {
    let Adam { learning_rate, beta1, beta2, epsilon, weight_decay, .. } = rates;
    let [correction1, correction2] = [beta1, beta2].map(|beta| 1.0 - beta.powi(rates.update as i32));
    let mut after = state.map(<[f64]>::to_vec);
    for (i, g) in gradient.iter().enumerate() {
        let m = beta1 * state[1][i] + (1.0 - beta1) * g;
        let v = beta2 * state[2][i] + (1.0 - beta2) * g * g;
        after[0][i] -= learning_rate * weight_decay * state[0][i];
        after[0][i] -= match rates.form {
            AdamForm::Keras => learning_rate * correction2.sqrt() / correction1 * m / (v.sqrt() + epsilon),
            AdamForm::Pytorch => learning_rate * (m / correction1) / ((v / correction2).sqrt() + epsilon),
        };
        after[1][i] = m;
        after[2][i] = v;
    }
    after
}

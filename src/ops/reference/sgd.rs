//! Gradient descent with momentum: v = momentum v − learning_rate g;  p += v, or with Nesterov momentum
//! p += momentum v − learning_rate g

use crate::ops::Sgd;

/// Returns parameter and velocity after one update. `state` holds them before the update, in the same order, each \[count\].
pub fn sgd(rates: Sgd, gradient: &[f64], state: [&[f64]; 2]) -> [Vec<f64>; 2] {
    let [learning_rate, momentum] = [rates.learning_rate, rates.momentum].map(f64::from);
    let mut after = state.map(<[f64]>::to_vec);
    for (i, g) in gradient.iter().enumerate() {
        let v = momentum * state[1][i] - learning_rate * g;
        after[0][i] += if rates.nesterov { momentum * v - learning_rate * g } else { v };
        after[1][i] = v;
    }
    after
}

//! AdaDelta: a = rho a + (1 − rho) g²;  u = g √(d + epsilon) / √(a + epsilon);  p −= learning_rate u;
//! d = rho d + (1 − rho) u²

use crate::ops::Adadelta;

/// Returns parameter, accumulated squared gradient and accumulated squared update after one update. `state` holds them before
/// the update, in the same order, each \[count\].
pub fn adadelta(rates: Adadelta, gradient: &[f64], state: [&[f64]; 3]) -> [Vec<f64>; 3] {
    let [learning_rate, rho, epsilon] = [rates.learning_rate, rates.rho, rates.epsilon].map(f64::from);
    let mut after = state.map(<[f64]>::to_vec);
    for (i, g) in gradient.iter().enumerate() {
        let a = rho * state[1][i] + (1.0 - rho) * g * g;
        let u = g * (state[2][i] + epsilon).sqrt() / (a + epsilon).sqrt();
        after[0][i] -= learning_rate * u;
        after[1][i] = a;
        after[2][i] = rho * state[2][i] + (1.0 - rho) * u * u;
    }
    after
}

//! dw\[k, n\] = Σ_m x\[m, k\] · gy\[m, n\]

/// Returns the gradient of a dense layer with respect to its weights. The sizes are rows, inputs and outputs.
pub fn dense_backward_weight([rows, inputs, outputs]: [usize; 3], x: &[f64], gy: &[f64]) -> Vec<f64> {
    let mut dw = Vec::with_capacity(inputs * outputs);
    for k in 0..inputs {
        for n in 0..outputs {
            dw.push((0..rows).map(|m| x[m * inputs + k] * gy[m * outputs + n]).sum());
        }
    }
    dw
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::column_sum::column_sum;
    use crate::ops::reference::{finite_difference::check, transpose::transpose, widen};

    /// The layer computes x · w + b. The loops that compute dw from x and gy also compute x · w, from xᵀ and w.
    #[test]
    fn gradients_of_a_dense_layer_agree_with_finite_differences() {
        let [m, k, n] = [3, 4, 5];
        let draw = |tensor, count| widen(&super::super::random::values(4, tensor, count));
        let (x, w, b, gy) = (draw(0, m * k), draw(1, k * n), draw(2, n), draw(3, m * n));
        let product = |x: &[f64], w: &[f64]| dense_backward_weight([k, m, n], &transpose(k, x), w);
        let forward = |x: &[f64], w: &[f64], b: &[f64]| -> Vec<f64> {
            product(x, w).iter().enumerate().map(|(i, y)| y + b[i % n]).collect()
        };
        check(&gy, &w, &dense_backward_weight([m, k, n], &x, &gy), |w| forward(&x, w, &b));
        check(&gy, &b, &column_sum(n, &gy), |b| forward(&x, &w, b));
        let dx = dense_backward_weight([n, m, k], &transpose(n, &gy), &transpose(n, &w));
        check(&gy, &x, &dx, |x| forward(x, &w, &b));
    }
}

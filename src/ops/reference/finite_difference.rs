//! Gradients by central differences, to which the references of backward passes are compared.

/// Asserts that `gradient` is the gradient of Σ gy · f(x) with respect to `x`.
pub fn check(gy: &[f64], x: &[f64], gradient: &[f64], f: impl Fn(&[f64]) -> Vec<f64>) {
    let objective = |x: &[f64]| -> f64 { f(x).iter().zip(gy).map(|(y, gy)| y * gy).sum() };
    let step = 1e-5;
    for i in 0..x.len() {
        let moved = |by: f64| {
            let mut moved = x.to_vec();
            moved[i] += by;
            objective(&moved)
        };
        let expected = (moved(step) - moved(-step)) / (2.0 * step);
        let error = (gradient[i] - expected).abs();
        assert!(error <= 1e-7 * (1.0 + expected.abs()), "element {i}: {} is not {expected}", gradient[i]);
    }
}

//! Copy with one addition: y = x + 1

/// Returns every element plus one.
pub fn stream(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x) + 1.0).collect()
}

//! Inverted dropout: y = x · mask / (1 − rate)

/// Applies inverted dropout with a given mask.
pub fn dropout(rate: f64, x: &[f64], mask: &[u32]) -> Vec<f64> {
    x.iter().zip(mask).map(|(x, mask)| x * f64::from(*mask) / (1.0 - rate)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::{finite_difference::check, widen};

    #[test]
    fn the_gradient_of_dropout_is_dropout() {
        let (x, gy) = (widen(&super::super::random::values(3, 0, 8)), widen(&super::super::random::values(3, 1, 8)));
        let mask = [1, 0, 1, 1, 0, 0, 1, 1];
        check(&gy, &x, &dropout(0.3, &gy, &mask), |x| dropout(0.3, x, &mask));
    }
}

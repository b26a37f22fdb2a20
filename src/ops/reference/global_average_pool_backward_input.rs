//! dx\[b, p, c\] = gy\[b, c\] / positions

use crate::ops::GlobalAveragePool;

/// Returns the gradient with respect to x, \[batch, positions, channels\]. Every position gets the same share.
pub fn global_average_pool_backward_input(shape: GlobalAveragePool, gy: &[f64]) -> Vec<f64> {
    let (positions, channels) = (shape.positions as usize, shape.channels as usize);
    let images = gy.chunks(channels).flat_map(|image| std::iter::repeat_n(image, positions));
    images.flatten().map(|gy| gy / positions as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::reference::{finite_difference::check, global_average_pool::global_average_pool, widen};

    #[test]
    fn the_gradient_of_pooling_agrees_with_finite_differences() {
        let layer = GlobalAveragePool { batch: 2, positions: 3, channels: 4 };
        let draw = |tensor, count| widen(&super::super::random::values(26, tensor, count));
        let (x, gy) = (draw(0, 24), draw(1, 8));
        check(&gy, &x, &global_average_pool_backward_input(layer, &gy), |x| global_average_pool(layer, x));
    }
}

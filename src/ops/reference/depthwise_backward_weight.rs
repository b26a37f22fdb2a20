//! dw\[u, v, c\] = Σ_{b,i,j} x\[b, i·s + u − top, j·s + v − left, c\] · gy\[b, i, j, c\]

use crate::ops::Depthwise;
use crate::plan::RowParts;

use super::depthwise_backward_input::products;

/// Returns the gradient with respect to the weights, \[parts, 3, 3, channels\]. Each part is a sum over some rows of pixels of
/// gy.
pub fn depthwise_backward_weight(shape: Depthwise, rows: RowParts, x: &[f64], gy: &[f64]) -> Vec<f64> {
    let weights = 9 * shape.channels as usize;
    let part = (rows.rows_a_part * shape.out_size()[1] * shape.channels) as usize;
    let mut dw = vec![0.0; weights * rows.count() as usize];
    for [at_x, at_w, at_y] in products(shape) {
        dw[at_y / part * weights + at_w] += x[at_x] * gy[at_y];
    }
    dw
}

#[cfg(test)]
mod tests {
    use crate::ops::{Activation, Padding};

    use super::*;
    use crate::ops::reference::depthwise::depthwise;
    use crate::ops::reference::depthwise_backward_input::depthwise_backward_input;
    use crate::ops::reference::{column_sum::column_sum, finite_difference::check, widen};

    #[test]
    fn gradients_of_a_depthwise_convolution_agree_with_finite_differences() {
        let both = [Padding::TensorflowSame, Padding::Symmetric];
        for (stride, padding, size) in [1, 2].into_iter().flat_map(|s| both.map(|p| [(s, p, [5, 4]), (s, p, [2, 3])])).flatten() {
            let layer = Depthwise { batch: 2, size, channels: 4, stride, padding, activation: Activation::None };
            let [out_height, out_width] = layer.out_size();
            let draw = |tensor, count: u32| widen(&super::super::random::values(24, tensor, count as usize));
            let (x, w, b) = (draw(0, 8 * size[0] * size[1]), draw(1, 36), draw(2, 4));
            let gy = draw(3, 8 * out_height * out_width);
            check(&gy, &x, &depthwise_backward_input(layer, &gy, &w), |x| depthwise(layer, [x, &w, &b]));
            let whole = depthwise_backward_weight(layer, RowParts::whole(2 * out_height), &x, &gy);
            check(&gy, &w, &whole, |w| depthwise(layer, [&x, w, &b]));
            check(&gy, &b, &column_sum(4, &gy), |b| depthwise(layer, [&x, &w, b]));
            let parts = depthwise_backward_weight(layer, RowParts { rows: 2 * out_height, rows_a_part: 1 }, &x, &gy);
            for (sum, whole) in column_sum(36, &parts).iter().zip(&whole) {
                assert!((sum - whole).abs() < 1e-12, "parts do not add up to the whole");
            }
        }
    }
}

//! dw\[u, v, c, n\] = Σ_{b,i,j} x\[b, i·s + u − top, j·s + v − left, c\] · gy\[b, i, j, n\]

use crate::ops::Stem;
use crate::plan::RowParts;

use super::stem_backward_input::products;

/// Returns the gradient with respect to the weights, \[parts, 3, 3, inputs, outputs\]. Each part is a sum over some rows of
/// pixels of gy.
pub fn stem_backward_weight(shape: Stem, rows: RowParts, x: &[f64], gy: &[f64]) -> Vec<f64> {
    let weights = (9 * shape.inputs * shape.outputs) as usize;
    let part = (rows.rows_a_part * shape.out_size()[1] * shape.outputs) as usize;
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
    use crate::ops::reference::{finite_difference::check, stem::stem, stem_backward_input::stem_backward_input, widen};

    #[test]
    fn gradients_of_the_first_layer_agree_with_finite_differences() {
        let both = [Padding::TensorflowSame, Padding::Symmetric];
        for (stride, padding) in [1, 2].into_iter().flat_map(|stride| both.map(|padding| (stride, padding))) {
            let (size, inputs, outputs) = ([5, 4], 3, 2);
            let layer = Stem { batch: 2, size, inputs, rgb: false, outputs, stride, padding, activation: Activation::None };
            let [out_height, out_width] = layer.out_size();
            let draw = |tensor, count: u32| widen(&super::super::random::values(25, tensor, count as usize));
            let (x, w, b) = (draw(0, 2 * 20 * inputs), draw(1, 9 * inputs * outputs), draw(2, outputs));
            let gy = draw(3, 2 * out_height * out_width * outputs);
            check(&gy, &x, &stem_backward_input(layer, &gy, &w), |x| stem(layer, [x, &w, &b]));
            let whole = RowParts::whole(2 * out_height);
            check(&gy, &w, &stem_backward_weight(layer, whole, &x, &gy), |w| stem(layer, [&x, w, &b]));
        }
    }
}

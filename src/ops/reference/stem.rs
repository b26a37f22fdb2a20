//! y\[b, i, j, n\] = activation(Σ_{u,v,c} x\[b, i·s + u − top, j·s + v − left, c\] · w\[u, v, c, n\] + bias\[n\])

use crate::ops::Stem;

use super::pointwise::activate;

/// Returns the result of a dense 3×3 convolution. x counts as zero outside the image.
pub fn stem<T: Copy + Into<f64>>(shape: Stem, [x, w, bias]: [&[T]; 3]) -> Vec<f64> {
    let [height, width] = shape.size.map(|size| size as usize);
    let [out_height, out_width] = shape.out_size().map(|size| size as usize);
    let [top, left] = shape.size.map(|size| shape.padding.before(size, shape.stride) as usize);
    let [batch, inputs, outputs, stride] = [shape.batch, shape.inputs, shape.outputs, shape.stride].map(|size| size as usize);
    let mut y = Vec::with_capacity(batch * out_height * out_width * outputs);
    for b in 0..batch {
        for i in 0..out_height {
            for j in 0..out_width {
                for n in 0..outputs {
                    let mut sum: f64 = bias[n].into();
                    for (u, v) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                        let (row, column) = ((i * stride + u).wrapping_sub(top), (j * stride + v).wrapping_sub(left));
                        if row < height && column < width {
                            for c in 0..inputs {
                                let x: f64 = x[((b * height + row) * width + column) * inputs + c].into();
                                sum += x * w[((u * 3 + v) * inputs + c) * outputs + n].into();
                            }
                        }
                    }
                    y.push(activate(shape.activation, sum));
                }
            }
        }
    }
    y
}

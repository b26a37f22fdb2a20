//! y\[b, i, j, c\] = activation(Σ_{u,v} x\[b, i·s + u − top, j·s + v − left, c\] · w\[u, v, c\] + bias\[c\])

use crate::ops::Depthwise;

use super::pointwise::activate;

/// Returns the result of a depthwise 3×3 convolution. x counts as zero outside the image.
pub fn depthwise<T: Copy + Into<f64>>(shape: Depthwise, [x, w, bias]: [&[T]; 3]) -> Vec<f64> {
    let [height, width] = shape.size.map(|size| size as usize);
    let [out_height, out_width] = shape.out_size().map(|size| size as usize);
    let [top, left] = shape.size.map(|size| shape.padding.before(size, shape.stride) as usize);
    let (batch, channels, stride) = (shape.batch as usize, shape.channels as usize, shape.stride as usize);
    let mut y = Vec::with_capacity(batch * out_height * out_width * channels);
    for b in 0..batch {
        for i in 0..out_height {
            for j in 0..out_width {
                for c in 0..channels {
                    let mut sum: f64 = bias[c].into();
                    for (u, v) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                        let (row, column) = ((i * stride + u).wrapping_sub(top), (j * stride + v).wrapping_sub(left));
                        if row < height && column < width {
                            let x: f64 = x[((b * height + row) * width + column) * channels + c].into();
                            sum += x * w[(u * 3 + v) * channels + c].into();
                        }
                    }
                    y.push(activate(shape.activation, sum));
                }
            }
        }
    }
    y
}

//! dx\[b, i·s + u − top, j·s + v − left, c\] += Σ_n gy\[b, i, j, n\] · w\[u, v, c, n\], for positions inside the image

use crate::ops::Stem;

/// Returns the indices in x, w and y of every product that a dense 3×3 convolution adds, image by image.
pub fn products(shape: Stem) -> impl Iterator<Item = [usize; 3]> {
    let [height, width] = shape.size.map(|size| size as usize);
    let [out_height, out_width] = shape.out_size().map(|size| size as usize);
    let [top, left] = shape.size.map(|size| shape.padding.before(size, shape.stride) as usize);
    let [batch, inputs, outputs, stride] = [shape.batch, shape.inputs, shape.outputs, shape.stride].map(|size| size as usize);
    let each = (0..batch * out_height * out_width * outputs).flat_map(move |y| (0..9 * inputs).map(move |at| (y, at)));
    each.filter_map(move |(y, at)| {
        let (n, pixel, tap, c) = (y % outputs, y / outputs, at / inputs, at % inputs);
        let (i, j, b) = (pixel / out_width % out_height, pixel % out_width, pixel / out_width / out_height);
        let (row, column) = ((i * stride + tap / 3).wrapping_sub(top), (j * stride + tap % 3).wrapping_sub(left));
        let inside = row < height && column < width;
        inside.then(|| [((b * height + row) * width + column) * inputs + c, at * outputs + n, y])
    })
}

/// Returns the gradient with respect to x, in the shape of x. Every product of the forward pass contributes to it.
pub fn stem_backward_input(shape: Stem, gy: &[f64], w: &[f64]) -> Vec<f64> {
    let mut dx =
        vec![0.0; shape.size.iter().map(|size| *size as usize).product::<usize>() * (shape.batch * shape.inputs) as usize];
    for [at_x, at_w, at_y] in products(shape) {
        dx[at_x] += gy[at_y] * w[at_w];
    }
    dx
}

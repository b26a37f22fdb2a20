//! dx\[b, i·s + u − top, j·s + v − left, c\] += gy\[b, i, j, c\] · w\[u, v, c\], for positions inside the image

use crate::ops::Depthwise;

/// Returns the indices in x, w and y of every product that a depthwise convolution adds, image by image.
pub fn products(shape: Depthwise) -> impl Iterator<Item = [usize; 3]> {
    let [height, width] = shape.size.map(|size| size as usize);
    let [out_height, out_width] = shape.out_size().map(|size| size as usize);
    let [top, left] = shape.size.map(|size| shape.padding.before(size, shape.stride) as usize);
    let (batch, channels, stride) = (shape.batch as usize, shape.channels as usize, shape.stride as usize);
    let outputs = (0..batch * out_height * out_width * channels).flat_map(|y| (0..9).map(move |tap| (y, tap)));
    outputs.filter_map(move |(y, tap)| {
        let (c, pixel) = (y % channels, y / channels);
        let (i, j, b) = (pixel / out_width % out_height, pixel % out_width, pixel / out_width / out_height);
        let (row, column) = ((i * stride + tap / 3).wrapping_sub(top), (j * stride + tap % 3).wrapping_sub(left));
        let inside = row < height && column < width;
        inside.then(|| [((b * height + row) * width + column) * channels + c, tap * channels + c, y])
    })
}

/// Returns the gradient with respect to x, in the shape of x. Every product of the forward pass contributes to it.
pub fn depthwise_backward_input(shape: Depthwise, gy: &[f64], w: &[f64]) -> Vec<f64> {
    let mut dx =
        vec![0.0; shape.size.iter().map(|size| *size as usize).product::<usize>() * (shape.batch * shape.channels) as usize];
    for [at_x, at_w, at_y] in products(shape) {
        dx[at_x] += gy[at_y] * w[at_w];
    }
    dx
}

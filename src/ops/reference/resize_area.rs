//! y\[i, j, c\] = the mean of the image over the area of output pixel (i, j), and 0 outside the shrunk image and in the fourth
//! channel

use crate::ops::ResizeArea;

/// Shrinks an image, given as red, green and blue of each pixel. Returns \[height, width, 4\].
pub fn resize_area(shape: ResizeArea, image: &[[f64; 3]]) -> Vec<f64> {
    let [height, width] = shape.source.map(|size| size as usize);
    // Returns the source pixels along an axis that an output pixel covers, with the length of each that is covered.
    let covered = |axis: usize, at: u32| {
        let (length, parts) = (f64::from(shape.source[axis]), f64::from(shape.inner[axis]));
        let (start, end) = (f64::from(at) * length / parts, f64::from(at + 1) * length / parts);
        let part = move |pixel: usize| ((pixel as f64 + 1.0).min(end) - (pixel as f64).max(start)).max(0.0);
        (0..[height, width][axis]).map(move |pixel| (pixel, part(pixel))).filter(|(_, part)| *part > 0.0).collect::<Vec<_>>()
    };
    let mut y = Vec::new();
    for (i, j) in (0..shape.size[0]).flat_map(|i| (0..shape.size[1]).map(move |j| (i, j))) {
        let mut sum = [0.0; 3];
        if i < shape.inner[0] && j < shape.inner[1] {
            let (rows, columns) = (covered(0, i), covered(1, j));
            let area: f64 = rows.iter().map(|(_, part)| part).sum::<f64>() * columns.iter().map(|(_, part)| part).sum::<f64>();
            for ((u, down), (v, across)) in rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column))) {
                for (channel, sum) in sum.iter_mut().enumerate() {
                    *sum += down * across * image[u * width + v][channel] / area;
                }
            }
        }
        y.extend([sum[0], sum[1], sum[2], 0.0]);
    }
    y
}

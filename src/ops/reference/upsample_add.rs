//! y\[b, i, j, c\] = a\[b, i, j, c\] + x\[b, ⌊i / 2⌋, ⌊j / 2⌋, c\]

use crate::ops::UpsampleAdd;

/// Returns the sum of `a` and the enlarged `x`, \[batch, height, width, channels\].
pub fn upsample_add(shape: UpsampleAdd, a: &[f64], x: &[f64]) -> Vec<f64> {
    let [height, width] = shape.size.map(|size| size as usize);
    let channels = shape.channels as usize;
    let mut y = Vec::new();
    for image in 0..shape.batch as usize {
        for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
            for channel in 0..channels {
                let from = ((image * (height / 2) + i / 2) * (width / 2) + j / 2) * channels + channel;
                y.push(a[((image * height + i) * width + j) * channels + channel] + x[from]);
            }
        }
    }
    y
}

//! y\[b, i, j, c\] = the largest of x\[b, 2i + {0, 1}, 2j + {0, 1}, c\]

use crate::ops::MaxPool;

/// Returns the maxima of 2×2 windows, \[batch, ⌊height / 2⌋, ⌊width / 2⌋, channels\].
pub fn max_pool(shape: MaxPool, x: &[f64]) -> Vec<f64> {
    let [height, width] = shape.size.map(|size| size as usize);
    let channels = shape.channels as usize;
    let mut y = Vec::new();
    for image in 0..shape.batch as usize {
        for (i, j) in (0..height / 2).flat_map(|i| (0..width / 2).map(move |j| (i, j))) {
            for channel in 0..channels {
                let value = |(down, right)| x[((image * height + 2 * i + down) * width + 2 * j + right) * channels + channel];
                y.push([(0, 0), (0, 1), (1, 0), (1, 1)].map(value).into_iter().fold(f64::NEG_INFINITY, f64::max));
            }
        }
    }
    y
}

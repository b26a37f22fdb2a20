//! Augmentation: y\[b, i, j, c\] = augmented\[i, j, c\] · scale\[c\] + shift\[c\], and 0 in the fourth channel. augmented\[i, j\]
//! is the resized image at M (i, j′, 1), interpolated bilinearly with clamped coordinates, where j′ = width − 1 − j if the image
//! is mirrored, else j

use crate::ops::{Augment, TransformRecord};

use super::resize_normalise::Picture;

/// Resizes, augments and normalises a batch of pictures. Returns \[batch, height, width, 4\].
pub fn augment(shape: Augment, pictures: &[Picture], transforms: &[TransformRecord]) -> Vec<f64> {
    let size = [shape.height as usize, shape.width as usize];
    let mut y = Vec::new();
    for (picture, transform) in pictures.iter().zip(transforms) {
        let resized = resize(picture, size);
        for output in (0..size[0]).flat_map(|i| (0..size[1]).map(move |j| [i, j])) {
            for (channel, (scale, shift)) in shape.scale.into_iter().zip(shape.shift).enumerate() {
                y.push(sample(&resized, size, transform, output, channel) * f64::from(scale) + f64::from(shift));
            }
            y.push(0.0);
        }
    }
    y
}

/// Resizes a picture by nearest neighbours as Pillow does: the source index is floor((i + ½) · in / out) along both axes. Returns
/// red, green and blue of each pixel.
fn resize(picture: &Picture, size: [usize; 2]) -> Vec<[f64; 3]> {
    let source = |axis: usize, at: usize| (2 * at + 1) * picture.size[axis] / (2 * size[axis]);
    let pixel = |[i, j]: [usize; 2]| {
        let at = 3 * (source(0, i) * picture.size[1] + source(1, j));
        [0, 1, 2].map(|channel| f64::from(picture.bytes[at + channel]))
    };
    (0..size[0]).flat_map(|i| (0..size[1]).map(move |j| [i, j])).map(pixel).collect()
}

/// Returns one channel of output pixel (i, j) of the transformed picture.
fn sample(resized: &[[f64; 3]], size: [usize; 2], transform: &TransformRecord, [i, j]: [usize; 2], channel: usize) -> f64 {
    let j = if transform.mirrored == 1 { size[1] - 1 - j } else { j };
    let [row, column] = [0, 1].map(|axis| {
        let [by_row, by_column, offset] = transform.matrix[axis].map(f64::from);
        (by_row * i as f64 + by_column * j as f64 + offset).clamp(0.0, (size[axis] - 1) as f64)
    });
    let (top, left) = (row as usize, column as usize);
    let (bottom, right) = ((top + 1).min(size[0] - 1), (left + 1).min(size[1] - 1));
    let value = |row: usize, column: usize| resized[row * size[1] + column][channel];
    let between = |row| value(row, left) * (1.0 - column.fract()) + value(row, right) * column.fract();
    between(top) * (1.0 - row.fract()) + between(bottom) * row.fract()
}

//! Alignment: y\[b, i, j, c\] is the image at M (i′, j′, 1), interpolated with the cubic kernel of Keys, · scale\[c\] +
//! shift\[c\], and 0 in the fourth channel. (i′, j′) is the place in the frame that output pixel (i, j) shows.

use crate::ops::{Align, AlignmentRecord, Interpolation};

use super::resize_normalise::Picture;

/// Aligns and normalises a batch of pictures. Returns \[batch, height, width, 4\].
pub fn align(shape: Align, pictures: &[Picture], alignments: &[AlignmentRecord]) -> Vec<f64> {
    let [height, width] = shape.size.map(|size| size as usize);
    let mut y = Vec::new();
    for (picture, alignment) in pictures.iter().zip(alignments) {
        for output in (0..height).flat_map(|i| (0..width).map(move |j| [i, j])) {
            let place = [0, 1].map(|axis| {
                let (at, size, frame) = (output[axis] as f64, f64::from(shape.size[axis]), f64::from(shape.frame[axis]));
                match shape.interpolation {
                    Interpolation::Nearest => ((2.0 * at + 1.0) * frame / (2.0 * size)).floor(),
                    Interpolation::Bilinear => (at + 0.5) * frame / size - 0.5,
                }
            });
            let source = alignment.matrix.map(|row| {
                let [by_row, by_column, offset] = row.map(f64::from);
                by_row * place[0] + by_column * place[1] + offset
            });
            for (channel, (scale, shift)) in shape.scale.into_iter().zip(shape.shift).enumerate() {
                y.push(cubic(picture, source, f64::from(alignment.spread), channel) * f64::from(scale) + f64::from(shift));
            }
            y.push(0.0);
        }
    }
    y
}

/// The cubic convolution kernel of Keys (1981) with a = −½.
fn keys(distance: f64) -> f64 {
    let t = distance.abs();
    match t {
        t if t <= 1.0 => 1.5 * t.powi(3) - 2.5 * t.powi(2) + 1.0,
        t if t <= 2.0 => -0.5 * t.powi(3) + 2.5 * t.powi(2) - 4.0 * t + 2.0,
        _ => 0.0,
    }
}

/// Returns one channel of a picture at (row, column).
fn cubic(picture: &Picture, source: [f64; 2], spread: f64, channel: usize) -> f64 {
    let weights = source.map(|at| {
        let pixels = (at - 2.0 * spread).floor() as i64..=(at + 2.0 * spread).ceil() as i64;
        let weights: Vec<(i64, f64)> = pixels.map(|pixel| (pixel, keys((pixel as f64 - at) / spread))).collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        weights.into_iter().map(|(pixel, weight)| (pixel, weight / total)).collect::<Vec<_>>()
    });
    let inside = |axis: usize, at: i64| at.clamp(0, picture.size[axis] as i64 - 1) as usize;
    let mut sum = 0.0;
    for (row, down) in &weights[0] {
        for (column, across) in &weights[1] {
            let at = 3 * (inside(0, *row) * picture.size[1] + inside(1, *column)) + channel;
            sum += down * across * f64::from(picture.bytes[at]);
        }
    }
    sum.clamp(0.0, 255.0)
}

//! Resizing and normalisation: y\[b, i, j, c\] = resized\[i, j, c\] · scale\[c\] + shift\[c\], and 0 in the fourth channel

use crate::ops::{Interpolation, ResizeNormalise};

/// An 8-bit RGB image, row by row.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Number of rows and columns.
    pub size: [usize; 2],
    /// Red, green and blue of every pixel, \[rows, columns, 3\].
    pub bytes: Vec<u8>,
}

impl Picture {
    fn value(&self, row: usize, column: usize, channel: usize) -> f64 {
        f64::from(self.bytes[3 * (row * self.size[1] + column) + channel])
    }

    /// Returns the nearest source pixel as Pillow defines it: floor((i + ½) · in / out), computed in integers.
    fn nearest(&self, output: [usize; 2], out_size: usize, channel: usize) -> f64 {
        let [row, column] = [0, 1].map(|axis| (2 * output[axis] + 1) * self.size[axis] / (2 * out_size));
        self.value(row, column, channel)
    }

    /// Interpolates between the four pixels around (i + ½) · in / out − ½, clamped to the image.
    fn bilinear(&self, output: [usize; 2], out_size: usize, channel: usize) -> f64 {
        let at = |axis: usize| {
            let position = (output[axis] as f64 + 0.5) * self.size[axis] as f64 / out_size as f64 - 0.5;
            position.clamp(0.0, (self.size[axis] - 1) as f64)
        };
        let [row, column] = [0, 1].map(at);
        let [down, across] = [row.fract(), column.fract()];
        let (top, left) = (row as usize, column as usize);
        let (bottom, right) = ((top + 1).min(self.size[0] - 1), (left + 1).min(self.size[1] - 1));
        let between = |row| self.value(row, left, channel) * (1.0 - across) + self.value(row, right, channel) * across;
        between(top) * (1.0 - down) + between(bottom) * down
    }
}

/// Resizes and normalises a batch of pictures. Returns \[batch, size, size, 4\].
pub fn resize_normalise(shape: ResizeNormalise, pictures: &[Picture]) -> Vec<f64> {
    let size = shape.size as usize;
    let mut y = Vec::with_capacity(pictures.len() * size * size * 4);
    for picture in pictures {
        for output in (0..size).flat_map(|i| (0..size).map(move |j| [i, j])) {
            for channel in 0..3 {
                let value = match shape.interpolation {
                    Interpolation::Nearest => picture.nearest(output, size, channel),
                    Interpolation::Bilinear => picture.bilinear(output, size, channel),
                };
                y.push(value * f64::from(shape.scale[channel]) + f64::from(shape.shift[channel]));
            }
            y.push(0.0);
        }
    }
    y
}

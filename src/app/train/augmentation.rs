//! Augments training images as keras_preprocessing 1.1 does: draws the parameters of a transform, and computes its matrix.

use crate::nn::random::{Stream, unit};
use crate::ops::TransformRecord;

/// Number of uniform numbers in [0, 1) drawn for each image, in the order of Keras' `get_random_transform`: rotation, row shift,
/// column shift, shear, row zoom, column zoom, mirroring.
pub const DRAWS: usize = 7;

/// The ranges from which transforms are drawn: the arguments of Keras' `ImageDataGenerator`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AugmentationRanges {
    /// Largest rotation to either side, in degrees.
    pub rotation: f64,
    /// Largest shift up or down, as a share of the height (Keras' `height_shift_range`, below 1).
    pub row_shift: f64,
    /// Largest shift left or right, as a share of the width (Keras' `width_shift_range`, below 1).
    pub column_shift: f64,
    /// Largest shear to either side, in degrees (Keras' `shear_range`).
    pub shear: f64,
    /// Each axis is scaled by a factor from 1 − `zoom` to 1 + `zoom`, which must be below 1.
    pub zoom: f64,
    /// Whether images are magnified instead, by a factor from 1 to 1 + `zoom` that is the same for both axes.
    pub magnify_only: bool,
    /// Whether images are mirrored left to right with probability ½.
    pub mirror: bool,
}

impl AugmentationRanges {
    /// Images are mirrored, and moved about as much as faces in aligned pictures differ.
    pub const LIGHT: AugmentationRanges = AugmentationRanges {
        rotation: 8.0,
        row_shift: 0.04,
        column_shift: 0.04,
        shear: 0.0,
        zoom: 0.08,
        magnify_only: false,
        mirror: true,
    };

    /// The ranges in the paper's script: `rotation_range=20, width_shift_range=0.2, height_shift_range=0.2, shear_range=0.2,
    /// zoom_range=0.2, horizontal_flip=True`.
    pub const PAPER: AugmentationRanges = AugmentationRanges {
        rotation: 20.0,
        row_shift: 0.2,
        column_shift: 0.2,
        shear: 0.2,
        zoom: 0.2,
        magnify_only: false,
        mirror: true,
    };

    /// The ranges in the paper's text: "magnified by a maximum of 20 %", and a shear "with an effect of 0.2", which is read as
    /// radians.
    pub const PAPER_TEXT: AugmentationRanges =
        AugmentationRanges { shear: 0.2 * 180.0 / std::f64::consts::PI, magnify_only: true, ..AugmentationRanges::PAPER };

    /// Draws the transform of a sample in an epoch, for images of `size` (height, width). It depends on the arguments only, so
    /// neither batches nor threads change it.
    pub fn draw(&self, seed: u64, epoch: u32, sample: u64, size: [u32; 2]) -> Augmentation {
        let first = sample.wrapping_mul(DRAWS as u64);
        let draws = std::array::from_fn(|draw| unit(seed, Stream::Augmentation(epoch), first.wrapping_add(draw as u64)));
        self.from_draws(draws, size)
    }

    /// Returns the transform for the uniform numbers `draws` in [0, 1), for images of `size` (height, width).
    pub fn from_draws(&self, draws: [f64; DRAWS], size: [u32; 2]) -> Augmentation {
        let between = |draw: f64, low: f64, high: f64| low + (high - low) * draw;
        let [rotation, row_shift, column_shift, shear, row_zoom, column_zoom, mirrored] = draws;
        let zoom = |draw| match self.magnify_only {
            true => 1.0 / between(draw, 1.0, 1.0 + self.zoom),
            false => between(draw, 1.0 - self.zoom, 1.0 + self.zoom),
        };
        Augmentation {
            rotation: between(rotation, -self.rotation, self.rotation),
            row_shift: between(row_shift, -self.row_shift, self.row_shift) * f64::from(size[0]),
            column_shift: between(column_shift, -self.column_shift, self.column_shift) * f64::from(size[1]),
            shear: between(shear, -self.shear, self.shear),
            row_zoom: zoom(row_zoom),
            column_zoom: zoom(if self.magnify_only { row_zoom } else { column_zoom }),
            mirrored: mirrored < 0.5 && self.mirror,
        }
    }
}

/// The transform of one image: an affine transform about its centre, followed by mirroring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// Rotation in degrees (Keras' `theta`).
    pub rotation: f64,
    /// Shift of rows in pixels (Keras' `tx`).
    pub row_shift: f64,
    /// Shift of columns in pixels (Keras' `ty`).
    pub column_shift: f64,
    /// Shear in degrees.
    pub shear: f64,
    /// Source rows per row of the result; above 1 the image shrinks (Keras' `zx`).
    pub row_zoom: f64,
    /// Source columns per column of the result (Keras' `zy`).
    pub column_zoom: f64,
    /// Whether the result is mirrored left to right.
    pub mirrored: bool,
}

impl Augmentation {
    /// The transform that changes nothing.
    pub const IDENTITY: Augmentation = Augmentation {
        rotation: 0.0,
        row_shift: 0.0,
        column_shift: 0.0,
        shear: 0.0,
        row_zoom: 1.0,
        column_zoom: 1.0,
        mirrored: false,
    };

    /// Returns the matrix from (row, column, 1) of the result to (row, column) of the image, for `size` (height, width).
    ///
    /// The matrix is T(o) R S H Z T(−o), with the rotation R = \[\[cos, −sin\], \[sin, cos\]\], the shift S, the shear
    /// H = \[\[1, −sin\], \[0, cos\]\], the zoom Z = diag(row zoom, column zoom), and T(o), the shift by
    /// o = (height / 2 + ½, width / 2 + ½). The point o is one pixel off the true centre, as in `apply_affine_transform` of
    /// keras_preprocessing 1.1.
    pub fn matrix(&self, size: [u32; 2]) -> [[f64; 3]; 2] {
        let (rotation_sine, rotation_cosine) = self.rotation.to_radians().sin_cos();
        let (shear_sine, shear_cosine) = self.shear.to_radians().sin_cos();
        let centre = size.map(|length| f64::from(length) / 2.0 + 0.5);
        let rotation = [[rotation_cosine, -rotation_sine], [rotation_sine, rotation_cosine]];
        [0, 1].map(|axis| {
            let [by_row, by_column] = rotation[axis];
            let shift = by_row * self.row_shift + by_column * self.column_shift;
            let sheared = by_column * shear_cosine - by_row * shear_sine;
            let [by_row, by_column] = [by_row * self.row_zoom, sheared * self.column_zoom];
            [by_row, by_column, shift + centre[axis] - by_row * centre[0] - by_column * centre[1]]
        })
    }

    /// Returns the kernel's record for an image that was resized to `size` (height, width).
    pub fn record(&self, size: [u32; 2]) -> TransformRecord {
        let matrix = self.matrix(size).map(|row| row.map(|value| value as f32));
        TransformRecord { matrix, mirrored: u32::from(self.mirrored), unused: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [u32; 2] = [224, 160];

    #[test]
    fn nothing_drawn_is_the_identity_to_the_bit() {
        let matrix = Augmentation::IDENTITY.matrix([57, 66]);
        assert_eq!(matrix, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
        let still = AugmentationRanges {
            rotation: 0.0,
            row_shift: 0.0,
            column_shift: 0.0,
            shear: 0.0,
            zoom: 0.0,
            magnify_only: false,
            mirror: false,
        };
        assert_eq!(still.draw(1, 2, 3, SIZE), Augmentation::IDENTITY);
    }

    #[test]
    fn the_papers_text_magnifies_and_shears_by_radians() {
        let draw = |sample| AugmentationRanges::PAPER_TEXT.draw(7, 0, sample, SIZE);
        for one in (0..200).map(draw) {
            assert!(one.row_zoom == one.column_zoom && (1.0 / 1.2..=1.0).contains(&one.row_zoom), "{one:?}");
            assert!(one.shear.to_radians().abs() <= 0.2);
        }
        assert!((0..200).any(|sample| draw(sample).shear.abs() > 10.0 && draw(sample).row_zoom < 0.9));
    }

    #[test]
    fn each_part_moves_what_keras_moves() {
        let only = Augmentation::IDENTITY;
        let at = |augmentation: Augmentation, row: f64, column: f64| {
            augmentation.matrix(SIZE).map(|[by_row, by_column, offset]| by_row * row + by_column * column + offset)
        };
        // A row shift reads further down, a zoom of 2 reads every second row, and the centre (112.5, 80.5) stays in place.
        assert_eq!(at(Augmentation { row_shift: 3.0, ..only }, 10.0, 20.0), [13.0, 20.0]);
        assert_eq!(at(Augmentation { column_shift: 5.0, ..only }, 10.0, 20.0), [10.0, 25.0]);
        assert_eq!(at(Augmentation { row_zoom: 2.0, ..only }, 113.5, 20.0), [114.5, 20.0]);
        let [row, column] = at(Augmentation { rotation: 90.0, ..only }, 112.5, 81.5);
        assert!((row - 111.5).abs() < 1e-12 && (column - 80.5).abs() < 1e-12, "{row} {column}");
        let [row, column] = at(Augmentation { shear: 30.0, ..only }, 112.5, 82.5);
        assert!((row - 111.5).abs() < 1e-12 && (column - 80.5 - 3f64.sqrt()).abs() < 1e-12, "{row} {column}");
    }

    #[test]
    fn seed_epoch_and_sample_decide_and_every_range_is_filled() {
        let draw = |seed, epoch, sample| AugmentationRanges::PAPER.draw(seed, epoch, sample, SIZE);
        assert_eq!(draw(1, 2, 3), draw(1, 2, 3));
        let samples: Vec<Augmentation> = (0..2000).map(|sample| draw(7, 0, sample)).collect();
        for other in [draw(8, 0, 0), draw(7, 1, 0), samples[1]] {
            assert_ne!(other.rotation, samples[0].rotation);
        }
        type Part = fn(&Augmentation) -> f64;
        let parts: [(Part, f64, f64); 6] = [
            (|a| a.rotation, -20.0, 20.0),
            (|a| a.row_shift, -44.8, 44.8),
            (|a| a.column_shift, -32.0, 32.0),
            (|a| a.shear, -0.2, 0.2),
            (|a| a.row_zoom, 0.8, 1.2),
            (|a| a.column_zoom, 0.8, 1.2),
        ];
        for (part, low, high) in parts {
            let (mut least, mut most, mut mean) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
            for sample in &samples {
                let value = (part(sample) - low) / (high - low);
                (least, most, mean) = (value.min(least), value.max(most), mean + value / samples.len() as f64);
            }
            assert!((0.0..0.01).contains(&least) && (0.99..=1.0).contains(&most), "{low} to {high}: {least} {most}");
            // The mean of 2000 uniform numbers has a standard deviation of 0.0065. The bound is five times that.
            assert!((mean - 0.5).abs() < 0.033, "{low} to {high}: mean {mean}");
        }
        let mirrored = samples.iter().filter(|sample| sample.mirrored).count();
        assert!((888..=1112).contains(&mirrored), "{mirrored} of 2000 are mirrored");
    }
}

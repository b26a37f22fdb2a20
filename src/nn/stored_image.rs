//! The pixels of an image as kernels read them. Of a large image only the rows that resizing reads are kept.

use std::borrow::Cow;

use crate::data::Rgb8Image;
use crate::ops::{ImageRecord, Interpolation};

/// Number of bytes from which an image counts as large. Smaller ones are uploaded whole, because copying rows gains nothing.
const LARGE: usize = 4 << 20;

/// An image, or the rows of it that a resize to a given size reads. The result of the resize is the same.
#[derive(Debug, Clone)]
pub struct StoredImage<'a> {
    width: u32,
    height: u32,
    windows: bool,
    pixels: Cow<'a, [u8]>,
}

impl<'a> From<&'a Rgb8Image> for StoredImage<'a> {
    fn from(image: &'a Rgb8Image) -> StoredImage<'a> {
        StoredImage { width: image.width, height: image.height, windows: false, pixels: Cow::Borrowed(&image.pixels) }
    }
}

impl From<Rgb8Image> for StoredImage<'static> {
    fn from(image: Rgb8Image) -> StoredImage<'static> {
        StoredImage { width: image.width, height: image.height, windows: false, pixels: Cow::Owned(image.pixels) }
    }
}

impl StoredImage<'_> {
    /// Returns what a resize of `image` to `size` × `size` pixels reads.
    ///
    /// The nearest pixel of output row i is in row nᵢ = ⌊(i + ½) · height / size⌋. An image of the rows nᵢ alone is resized to
    /// the same pixels, because its own nearest row is then i. If even these rows have too many pixels, the columns are taken in
    /// the same way. Bilinear interpolation reads the rows nᵢ − 1 to nᵢ + 1, which exist if the image has more than 2 · size
    /// rows.
    pub fn of(image: Rgb8Image, size: u32, interpolation: Interpolation) -> StoredImage<'static> {
        let rows = size as usize;
        let (width, height) = (image.width, image.height);
        let is_high = image.height as usize > 2 * rows && image.pixels.len() > LARGE;
        let (pixels, height, windows) = match interpolation {
            Interpolation::Nearest if is_high => (sampled_rows(&image, size, 0), size, false),
            Interpolation::Bilinear if is_high => (sampled_rows(&image, size, 1), height, true),
            _ => (image.pixels, height, false),
        };
        let stored = StoredImage { width, height, windows, pixels: Cow::Owned(pixels) };
        if interpolation == Interpolation::Nearest && stored.width as usize > 2 * rows && stored.bytes() > LARGE as u64 {
            stored.with_sampled_columns(size)
        } else {
            stored
        }
    }

    fn with_sampled_columns(self, size: u32) -> StoredImage<'static> {
        let columns: Vec<usize> = (0..size).map(|column| 3 * nearest(column, self.width, size)).collect();
        let rows = self.pixels.chunks_exact(3 * self.width as usize);
        let pixels = rows.flat_map(|row| columns.iter().flat_map(|at| &row[*at..at + 3])).copied().collect();
        StoredImage { width: size, pixels: Cow::Owned(pixels), ..self }
    }

    /// Returns the number of bytes of pixels, padded to whole words.
    pub fn bytes(&self) -> u64 {
        self.pixels.len().next_multiple_of(4) as u64
    }
}

/// Returns the rows that are nearest to the rows of the output, each with `around` rows above and below it.
fn sampled_rows(image: &Rgb8Image, size: u32, around: usize) -> Vec<u8> {
    let row_bytes = 3 * image.width as usize;
    let centres = (0..size).map(|row| nearest(row, image.height, size));
    centres.flat_map(|centre| &image.pixels[(centre - around) * row_bytes..(centre + around + 1) * row_bytes]).copied().collect()
}

/// Returns ⌊(at + ½) · length / size⌋.
fn nearest(at: u32, length: u32, size: u32) -> usize {
    ((2 * u64::from(at) + 1) * u64::from(length) / (2 * u64::from(size))) as usize
}

/// Concatenates the pixels of at most `batch` images, each starting at a multiple of four bytes. Returns one record for each
/// place in the batch and the bytes. Places without an image get the record of the first image.
pub(crate) fn pack(images: &[StoredImage], batch: usize) -> (Vec<ImageRecord>, Vec<u8>) {
    let mut records = Vec::with_capacity(batch);
    let mut bytes = Vec::with_capacity(images.iter().map(|image| image.bytes() as usize).sum());
    for image in images {
        let first_word = (bytes.len() / 4) as u32;
        let windows = u32::from(image.windows);
        records.push(ImageRecord { first_word, width: image.width, height: image.height, windows });
        bytes.extend_from_slice(&image.pixels);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    if let Some(first) = records.first().copied() {
        records.resize(batch, first);
    }
    (records, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: u32, height: u32) -> Rgb8Image {
        let pixels = (0..3 * width as usize * height as usize).map(|at| (at * 7919 % 251) as u8).collect();
        Rgb8Image { width, height, pixels }
    }

    /// Returns the pixels to which an image is resized by nearest neighbours, in integers as Pillow does.
    fn resized(image: &StoredImage, size: u32) -> Vec<u8> {
        let pixel = |row: u32, column: u32| {
            let at = nearest(row, image.height, size) * image.width as usize + nearest(column, image.width, size);
            image.pixels[3 * at..3 * at + 3].to_vec()
        };
        (0..size).flat_map(|row| (0..size).flat_map(move |column| pixel(row, column))).collect()
    }

    #[test]
    fn the_rows_of_a_large_image_are_resized_to_the_same_pixels() {
        for (width, height, size) in [(1301, 1277, 64), (1301, 1277, 611), (70_000, 131, 64), (80, 20_001, 32)] {
            let whole = image(width, height);
            let stored = StoredImage::of(whole.clone(), size, Interpolation::Nearest);
            assert!(stored.bytes() < whole.pixels.len() as u64 / 2 || size == 611, "{width} × {height}");
            assert_eq!(resized(&stored, size), resized(&StoredImage::from(&whole), size), "{width} × {height} to {size}");
        }
        let small = image(400, 300);
        assert_eq!(StoredImage::of(small.clone(), 32, Interpolation::Nearest).pixels, small.pixels);
    }

    #[test]
    fn bilinear_interpolation_finds_every_row_that_it_reads() {
        for (height, size) in [(1277, 64), (4001, 224), (449, 224), (10_000, 96)] {
            let whole = image(4_000_000 / height + 400, height);
            let stored = StoredImage::of(whole.clone(), size, Interpolation::Bilinear);
            assert_eq!((stored.height, stored.windows), (height, true));
            let row_bytes = 3 * whole.width as usize;
            for row in 0..size {
                let position = (f64::from(row) + 0.5) * f64::from(height) / f64::from(size) - 0.5;
                for read in [position.floor() as usize, position.floor() as usize + 1] {
                    let at = 3 * row as usize + read + 1 - nearest(row, height, size);
                    let found = &stored.pixels[at * row_bytes..(at + 1) * row_bytes];
                    assert_eq!(found, &whole.pixels[read * row_bytes..(read + 1) * row_bytes], "row {read} for {row} of {size}");
                }
            }
        }
    }
}

//! Shows how augmentation changes an image.

use super::augmentation::AugmentationRanges;
use super::feed::FeedShape;
use crate::data::Rgb8Image;
use crate::nn::{ModelError, Normalisation, StoredImage, pack};
use crate::ops::{Interpolation, TransformRecord};
use crate::profiles::Device;
use crate::scheduler::Program;

/// Returns an image as a training run with `seed` would see it as sample 0 in its first `count` epochs. Each result is `size` ×
/// `size` pixels, and is computed by the kernel that training uses.
///
/// # Errors
/// The device fails.
pub fn augmented_variants(
    device: &Device,
    image: &Rgb8Image,
    ranges: &AugmentationRanges,
    seed: u64,
    size: u32,
    count: u32,
) -> Result<Vec<Rgb8Image>, ModelError> {
    // All images of the batch are the same, so it is uploaded once.
    let (records, bytes) = pack(&[StoredImage::of(image.clone(), size, Interpolation::Nearest)], count as usize);
    let transforms: Vec<TransformRecord> =
        (0..count).map(|epoch| ranges.draw(seed, epoch, 0, [size, size]).record([size, size])).collect();

    let normalisation = Normalisation { scale: [1.0; 3], shift: [0.0; 3] };
    let (plan, [pixels, images, given, y]) = FeedShape { batch: count, size, normalisation }.plan(bytes.len() as u64);
    let program = Program::new(device, &plan, &[])?;
    program.write(device, pixels, &bytes);
    program.write(device, images, bytemuck::cast_slice(&records));
    program.write(device, given, bytemuck::cast_slice(&transforms));
    program.run(device)?;
    let values = program.read(device, y)?;
    let picture = |values: &[f32]| {
        let pixels = values.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]);
        Rgb8Image { width: size, height: size, pixels: pixels.map(|value| value.round() as u8).collect() }
    };
    Ok(values.chunks_exact(4 * (size * size) as usize).map(picture).collect())
}

/// Width of the white margin around each picture of a sheet, in pixels.
const MARGIN: u32 = 4;

/// Arranges pictures of the same size on a white sheet, with `columns` pictures in each row.
pub fn sheet_of(pictures: &[Rgb8Image], columns: u32) -> Rgb8Image {
    let (width, height) = pictures.first().map_or((0, 0), |picture| (picture.width, picture.height));
    let cell = (width + MARGIN, height + MARGIN);
    let rows = (pictures.len() as u32).div_ceil(columns);
    let (sheet_width, sheet_height) = (columns * cell.0 + MARGIN, rows * cell.1 + MARGIN);
    let mut pixels = vec![255; 3 * sheet_width as usize * sheet_height as usize];
    for (index, picture) in (0..).zip(pictures) {
        let (left, top) = (index % columns * cell.0 + MARGIN, index / columns * cell.1 + MARGIN);
        for (row, values) in (top..).zip(picture.pixels.chunks_exact(3 * width as usize)) {
            let start = 3 * (row as usize * sheet_width as usize + left as usize);
            pixels[start..start + values.len()].copy_from_slice(values);
        }
    }
    Rgb8Image { width: sheet_width, height: sheet_height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_every_picture_whole() {
        let picture = |value: u8| Rgb8Image { width: 2, height: 3, pixels: vec![value; 18] };
        let sheet = sheet_of(&[picture(1), picture(2), picture(3)], 2);
        assert_eq!((sheet.width, sheet.height), (16, 18));
        let at = |column: usize, row: usize| sheet.pixels[3 * (row * 16 + column)];
        assert_eq!([at(4, 4), at(5, 6), at(10, 4), at(11, 6), at(4, 11), at(5, 13)], [1, 1, 2, 2, 3, 3]);
        assert_eq!(sheet.pixels.iter().filter(|value| **value != 255).count(), 3 * 18);
        assert_eq!([at(3, 4), at(6, 4), at(4, 3), at(4, 7), at(10, 11)], [255; 5]);
    }
}

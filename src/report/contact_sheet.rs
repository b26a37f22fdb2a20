//! Encodes the thumbnails of contact sheets, the grids of small pictures that show the faces of a cluster.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{RgbImage, imageops};

use super::ReportError;

/// Largest width and height of a thumbnail on a page with [`PAGE_LIMIT`] thumbnails, in pixels. The page shows thumbnails at
/// two thirds of this size; the extra pixels are for high-density screens.
const THUMBNAIL: (u32, u32) = (96, 117);
/// Largest factor by which [`THUMBNAIL`] grows on pages with fewer thumbnails. It gives the size of CelebA's faces.
const LARGEST: f64 = 178.0 / 96.0;
const JPEG_QUALITY: u8 = 74;
/// Target for the number of thumbnails in all contact sheets together, so that the page stays a few megabytes.
const PAGE_LIMIT: usize = 512;
/// Smallest and largest number of thumbnails in one contact sheet.
const SHEET_LIMITS: (usize, usize) = (5, 64);

/// Returns the number of faces that one contact sheet shows on a page with `sheets` contact sheets.
pub(super) fn capacity(sheets: usize) -> usize {
    (PAGE_LIMIT / sheets.max(1)).clamp(SHEET_LIMITS.0, SHEET_LIMITS.1)
}

/// Largest width and height of each thumbnail of a page, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds(u32, u32);

impl Bounds {
    /// Returns the bounds for a page with `thumbnails` thumbnails. With fewer than [`PAGE_LIMIT`] thumbnails each one may be larger,
    /// while the total number of pixels does not grow. The faces of a small run can then be enlarged with more detail.
    pub(super) fn of_page(thumbnails: usize) -> Bounds {
        let scale = (PAGE_LIMIT as f64 / thumbnails.max(1) as f64).sqrt().clamp(1.0, LARGEST);
        Bounds((f64::from(THUMBNAIL.0) * scale) as u32, (f64::from(THUMBNAIL.1) * scale) as u32)
    }
}

/// Shrinks a face to fit in `within` and returns it as a JPEG data URI. Keeps the aspect ratio and never enlarges a face.
///
/// # Errors
/// Returns [`ReportError::Encode`] if the encoder fails.
pub(super) fn thumbnail(face: &RgbImage, within: Bounds) -> Result<String, ReportError> {
    let (width, height) = thumbnail_size(face.dimensions(), within);
    jpeg_data_uri(&imageops::thumbnail(face, width, height), JPEG_QUALITY)
}

/// Returns the largest size with the same aspect ratio that fits in `within` and does not exceed the original size.
fn thumbnail_size((width, height): (u32, u32), within: Bounds) -> (u32, u32) {
    let scale = (f64::from(within.0) / f64::from(width)).min(f64::from(within.1) / f64::from(height)).min(1.0);
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

/// Encodes a picture as a JPEG data URI.
///
/// # Errors
/// Returns [`ReportError::Encode`] if the encoder fails.
pub(super) fn jpeg_data_uri(picture: &RgbImage, quality: u8) -> Result<String, ReportError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).map_err(|source| ReportError::Encode {
        width: picture.width(),
        height: picture.height(),
        source,
    })?;
    Ok(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_keep_proportions_within_their_box() {
        let cases = [
            ((178, 218), (96, 117)),
            ((335, 410), (96, 117)),
            ((400, 200), (96, 48)),
            ((100, 1000), (12, 117)),
            ((10_000, 1), (96, 1)),
            ((1, 10_000), (1, 117)),
            ((20, 30), (20, 30)),
            ((1, 1), (1, 1)),
        ];
        for (size, expected) in cases {
            let found = thumbnail_size(size, Bounds::of_page(PAGE_LIMIT));
            // CelebA's faces are slightly narrower than the box.
            assert!(found.0.abs_diff(expected.0) <= 1 && found.1 == expected.1, "{size:?}: {found:?}");
        }
    }

    #[test]
    fn few_thumbnails_are_larger() {
        assert_eq!([0, 64, 96].map(Bounds::of_page), [Bounds(178, 216); 3]);
        assert_eq!([256, 512, 9999].map(Bounds::of_page), [Bounds(135, 165), Bounds(96, 117), Bounds(96, 117)]);
    }

    #[test]
    fn a_data_uri_decodes_to_the_picture() {
        let face = RgbImage::from_pixel(300, 300, image::Rgb([200, 40, 90]));
        let uri = thumbnail(&face, Bounds::of_page(PAGE_LIMIT)).expect("an encodable picture");
        let encoded = uri.strip_prefix("data:image/jpeg;base64,").expect("a JPEG data URI");
        let bytes = BASE64_STANDARD.decode(encoded).expect("base64");
        let picture = image::load_from_memory(&bytes).expect("a JPEG").to_rgb8();
        assert_eq!(picture.dimensions(), (96, 96));
        for (found, expected) in picture.get_pixel(48, 48).0.into_iter().zip([200u8, 40, 90]) {
            assert!(found.abs_diff(expected) <= 4, "{found} for {expected}");
        }
    }

    #[test]
    fn the_noisiest_thumbnails_of_a_full_page_stay_a_few_megabytes() {
        // JPEG compresses noise worst, so the size is an upper bound for any photographs. Faces need about a fifth of it.
        let mut state = 1u32;
        let noise = RgbImage::from_fn(178, 218, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
        });
        for sheets in [1, 2, 8, 16, 50, 100] {
            let thumbnails = capacity(sheets) * sheets;
            // Crop the noise to the thumbnail's size, because shrinking would average some of the noise away.
            let within = Bounds::of_page(thumbnails);
            let noise = imageops::crop_imm(&noise, 0, 0, within.0, within.1).to_image();
            let bytes = thumbnail(&noise, within).expect("an encodable picture").len() * thumbnails;
            assert!(bytes < 12_000_000, "{sheets} sheets: {bytes} bytes");
        }
        assert_eq!([0, 1, 8, 16, 50, 100, usize::MAX].map(capacity), [64, 64, 64, 32, 10, 5, 5]);
    }
}

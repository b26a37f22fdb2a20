//! Contact sheets: small pictures of a cluster's faces, embedded in the page.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{RgbImage, imageops};

use super::ReportError;

/// Box that an embedded thumbnail fits in, in pixels: half as much again as it is shown, for dense screens.
const THUMBNAIL: (u32, u32) = (96, 117);
const JPEG_QUALITY: u8 = 74;
/// Thumbnails that all contact sheets together may hold, so that the page stays a few megabytes.
const PAGE_LIMIT: usize = 512;
/// Thumbnails that one contact sheet holds at least and at most.
const SHEET_LIMITS: (usize, usize) = (5, 64);

/// Number of faces that one contact sheet shows when a page holds `sheets` of them.
pub(super) fn capacity(sheets: usize) -> usize {
    (PAGE_LIMIT / sheets.max(1)).clamp(SHEET_LIMITS.0, SHEET_LIMITS.1)
}

/// A face made small enough to embed, as a JPEG data URI. Its proportions are kept and nothing is enlarged.
///
/// # Errors
/// [`ReportError::Encode`] if the encoder fails.
pub(super) fn thumbnail(face: &RgbImage) -> Result<String, ReportError> {
    let (width, height) = thumbnail_size(face.dimensions());
    jpeg_data_uri(&imageops::thumbnail(face, width, height), JPEG_QUALITY)
}

/// The largest size of the same proportions within the thumbnail's box, and not above the original.
fn thumbnail_size((width, height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(THUMBNAIL.0) / f64::from(width)).min(f64::from(THUMBNAIL.1) / f64::from(height)).min(1.0);
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

/// A picture as a JPEG data URI.
///
/// # Errors
/// [`ReportError::Encode`] if the encoder fails.
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
            let found = thumbnail_size(size);
            // The paper's faces are a hair narrower than the box.
            assert!(found.0.abs_diff(expected.0) <= 1 && found.1 == expected.1, "{size:?}: {found:?}");
        }
    }

    #[test]
    fn a_data_uri_decodes_to_the_picture() {
        let face = RgbImage::from_pixel(300, 300, image::Rgb([200, 40, 90]));
        let uri = thumbnail(&face).expect("an encodable picture");
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
        // Noise is what JPEG compresses worst, so this bounds any photographs; faces take a fifth of it.
        let mut state = 1u32;
        let noise = RgbImage::from_fn(96, 117, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
        });
        let uri = thumbnail(&noise).expect("an encodable picture");
        for sheets in [1, 2, 8, 16, 50, 100] {
            let bytes = uri.len() * capacity(sheets) * sheets;
            assert!(bytes < 12_000_000, "{sheets} sheets: {bytes} bytes");
        }
        assert_eq!([0, 1, 8, 16, 50, 100, usize::MAX].map(capacity), [64, 64, 64, 32, 10, 5, 5]);
    }
}

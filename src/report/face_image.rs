//! Decoding the picture of a face for the report.

use std::path::Path;

use image::{ImageReader, Limits, RgbImage};

/// Largest picture that is decoded, in pixels: a bad header must not allocate gigabytes.
const PIXEL_LIMIT: u64 = 100_000_000;

/// Decodes a picture by its content, whatever its extension, to 8-bit RGB; alpha is dropped.
///
/// # Errors
/// A sentence that says why the picture cannot be shown.
pub(super) fn decode(path: &Path) -> Result<RgbImage, String> {
    let open = || ImageReader::open(path)?.with_guessed_format();
    let (width, height) = open()
        .map_err(|error| error.to_string())?
        .into_dimensions()
        .map_err(|error| error.to_string())?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > PIXEL_LIMIT {
        return Err(format!(
            "{width} × {height} pixels, expected between 1 and {PIXEL_LIMIT} in all"
        ));
    }
    let mut reader = open().map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(PIXEL_LIMIT * 8);
    reader.limits(limits);
    Ok(reader
        .decode()
        .map_err(|error| error.to_string())?
        .to_rgb8())
}

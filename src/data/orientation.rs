//! The orientation in which a camera stored a picture.
//!
//! A camera stores pixels as its sensor reads them and notes in the Exif metadata how the picture is to be turned. The values
//! are those of the Exif tag `Orientation` (0x0112): 1 is upright, 2 to 4 are mirrored or upside down, and 5 to 8 lie on a side.

use image::ImageFormat;
use image::metadata::Orientation;

use super::decode::Rgb8Image;

/// What to do with the orientation that is stored in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredOrientation {
    /// The picture is turned upright, as image viewers show it.
    #[default]
    Applied,
    /// The pixels are taken as they are stored, as Keras' `load_img` does.
    Ignored,
}

/// The prefix of Exif metadata in JPEG, which some WebP files have too.
const EXIF_PREFIX: &[u8] = b"Exif\0\0";

/// Returns the orientation that the file `bytes` records, from 1 to 8. It is 1 if none or an invalid one is recorded.
pub(super) fn recorded(format: ImageFormat, bytes: &[u8]) -> u8 {
    let exif = match format {
        ImageFormat::Jpeg => exif_of_jpeg(bytes),
        ImageFormat::Png => exif_of_png(bytes),
        ImageFormat::WebP => exif_of_webp(bytes),
        // Exif metadata are a TIFF file without pixels, so the tag is found in the same way.
        ImageFormat::Tiff => Some(bytes),
        _ => None,
    };
    exif.and_then(Orientation::from_exif_chunk).map_or(1, Orientation::to_exif)
}

/// Returns the Exif metadata of a JPEG file. They are in a segment APP1 before the first scan (Exif 2.32, 4.5.4).
fn exif_of_jpeg(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 2;
    loop {
        let [0xff, marker] = *bytes.get(at..at + 2)? else { return None };
        match marker {
            // A marker may be preceded by any number of fill bytes.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 | 0xda => return None,
            _ => {
                let length = usize::from(u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?));
                let segment = bytes.get(at + 4..at + 2 + length)?;
                if let (0xe1, Some(exif)) = (marker, segment.strip_prefix(EXIF_PREFIX)) {
                    return Some(exif);
                }
                at += 2 + length;
            }
        }
    }
}

/// Returns the Exif metadata of a PNG file. They are in a chunk `eXIf`, before or after the pixels (PNG extensions 1.5.0).
fn exif_of_png(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let (kind, end) = (rest.get(4..8)?, length.checked_add(8)?);
        if kind == b"eXIf" {
            return rest.get(8..end);
        }
        rest = rest.get(end.checked_add(4)?..)?;
    }
}

/// Returns the Exif metadata of a WebP file. They are in a chunk `EXIF` after the pixels (RFC 9649, 2.7.1.5).
fn exif_of_webp(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let length = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
        let end = length.checked_add(8)?;
        if rest.get(..4)? == b"EXIF" {
            let exif = rest.get(8..end)?;
            return Some(exif.strip_prefix(EXIF_PREFIX).unwrap_or(exif));
        }
        // A chunk of odd length is padded with one byte.
        rest = rest.get(end.checked_add(length % 2)?..)?;
    }
}

/// Side of the squares in which a picture is turned, in pixels. The rows that a square reads and writes stay in the cache.
const TILE: usize = 64;

/// Returns the upright picture of one that was stored with `orientation`, a value from 1 to 8.
pub(super) fn upright(stored: Rgb8Image, orientation: u8) -> Rgb8Image {
    // Whether rows and columns are exchanged, and whether the stored columns and rows are read backwards.
    let (exchanged, columns_back, rows_back) = match orientation {
        2 => (false, true, false),
        3 => (false, true, true),
        4 => (false, false, true),
        5 => (true, false, false),
        6 => (true, false, true),
        7 => (true, true, true),
        8 => (true, true, false),
        _ => return stored,
    };
    let (stored_width, stored_height) = (stored.width as usize, stored.height as usize);
    let (width, height) = if exchanged { (stored_height, stored_width) } else { (stored_width, stored_height) };
    let mut pixels = vec![0; stored.pixels.len()];
    for (top, left) in (0..height).step_by(TILE).flat_map(|top| (0..width).step_by(TILE).map(move |left| (top, left))) {
        for y in top..height.min(top + TILE) {
            for x in left..width.min(left + TILE) {
                let (column, row) = if exchanged { (y, x) } else { (x, y) };
                let column = if columns_back { stored_width - 1 - column } else { column };
                let row = if rows_back { stored_height - 1 - row } else { row };
                let (to, from) = (3 * (y * width + x), 3 * (row * stored_width + column));
                pixels[to..to + 3].copy_from_slice(&stored.pixels[from..from + 3]);
            }
        }
    }
    Rgb8Image { width: width as u32, height: height as u32, pixels }
}

#[cfg(test)]
pub(super) mod samples {
    /// Returns Exif metadata whose only entry is an orientation.
    pub fn exif(orientation: u8) -> Vec<u8> {
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        exif
    }
}

#[cfg(test)]
mod tests {
    use super::samples::exif;
    use super::*;
    use proptest::prelude::*;

    /// A picture of 2 × 3 pixels whose pixels are 0, 1, 2, … from the top left.
    fn stored() -> Rgb8Image {
        Rgb8Image { width: 2, height: 3, pixels: (0..6).flat_map(|value| [value; 3]).collect() }
    }

    /// The expected pixels are written out by hand from the figure in the Exif standard (JEITA CP-3451, 4.6.4, tag 0x0112).
    #[test]
    fn every_orientation_is_turned_upright() {
        let cases: [(u8, u32, [u8; 6]); 8] = [
            (1, 2, [0, 1, 2, 3, 4, 5]),
            (2, 2, [1, 0, 3, 2, 5, 4]),
            (3, 2, [5, 4, 3, 2, 1, 0]),
            (4, 2, [4, 5, 2, 3, 0, 1]),
            (5, 3, [0, 2, 4, 1, 3, 5]),
            (6, 3, [4, 2, 0, 5, 3, 1]),
            (7, 3, [5, 3, 1, 4, 2, 0]),
            (8, 3, [1, 3, 5, 0, 2, 4]),
        ];
        for (orientation, width, expected) in cases {
            let turned = upright(stored(), orientation);
            let values: Vec<u8> = turned.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect();
            assert_eq!((turned.width, turned.height, &values[..]), (width, 6 / width, &expected[..]), "{orientation}");
        }
    }

    /// A picture larger than a tile in both directions, with sides that are no multiples of it.
    #[test]
    fn large_pictures_are_turned_whole() {
        let (width, height) = (2 * TILE as u32 + 3, TILE as u32 + 5);
        let pixels: Vec<u8> = (0..3 * width * height).map(|at| (at % 251) as u8).collect();
        let stored = Rgb8Image { width, height, pixels };
        for (orientation, back) in [(2, 2), (3, 3), (4, 4), (5, 5), (6, 8), (7, 7), (8, 6)] {
            let turned = upright(stored.clone(), orientation);
            assert_ne!(turned, stored, "{orientation}");
            assert_eq!(upright(turned, back), stored, "{orientation}");
        }
    }

    #[test]
    fn the_orientation_is_found_in_every_format() {
        for orientation in 1..=8 {
            let exif = exif(orientation);
            let prefixed = [EXIF_PREFIX, &exif].concat();
            let length = |bytes: &[u8]| bytes.len() as u32;
            let segment = [&[0xff, 0xe1], &(prefixed.len() as u16 + 2).to_be_bytes()[..], &prefixed].concat();
            let jpeg = [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff], &segment[..], &[0xff, 0xda]].concat();
            let text = [&[0, 0, 0, 1], &b"tEXt."[..], &[0; 4]].concat();
            let chunk = [&length(&exif).to_be_bytes()[..], b"eXIf", &exif, &[0; 4]].concat();
            let png = [b"\x89PNG\r\n\x1a\n", &text[..], &chunk].concat();
            let odd = [b"VP8 ", &[3, 0, 0, 0][..], &[0; 4]].concat();
            let webp = |exif: &[u8]| [b"RIFF....WEBP", &odd[..], b"EXIF", &length(exif).to_le_bytes(), exif].concat();
            for (format, bytes) in [
                (ImageFormat::Jpeg, jpeg),
                (ImageFormat::Png, png),
                (ImageFormat::WebP, webp(&exif)),
                (ImageFormat::WebP, webp(&prefixed)),
                (ImageFormat::Tiff, exif.clone()),
            ] {
                assert_eq!(recorded(format, &bytes), orientation, "{format:?}");
                for end in 0..bytes.len() {
                    let found = recorded(format, &bytes[..end]);
                    assert!(found == 1 || found == orientation, "{format:?} cut to {end} bytes");
                }
            }
        }
        assert_eq!(recorded(ImageFormat::Tiff, &exif(9)), 1);
        assert_eq!(recorded(ImageFormat::Bmp, &exif(6)), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_metadata_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), format in 0usize..4) {
            let (format, start): (_, &[u8]) = [
                (ImageFormat::Jpeg, &[0xff, 0xd8, 0xff, 0xe1][..]),
                (ImageFormat::Png, &b"\x89PNG\r\n\x1a\n"[..]),
                (ImageFormat::WebP, &b"RIFF....WEBP"[..]),
                (ImageFormat::Tiff, &b"II*\0"[..]),
            ][format];
            prop_assert!((1..=8).contains(&recorded(format, &[start, &bytes].concat())));
        }
    }
}

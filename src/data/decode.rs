//! Image files to 8-bit RGB, as Keras' `load_img` reads them, but strict about damaged files.
//!
//! The kind of file is told by its content. EXIF orientation is ignored and alpha dropped, not blended. Gray becomes
//! R = G = B; of 16-bit samples the high byte is taken (Pillow clips 16-bit gray to white, a defect not copied).

use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};
use libjpeg_turbo_rs::{Decoder as JpegDecoder, JpegError, PixelFormat};

use super::source::ImageSource;
use super::whole_png;

/// The most pixels decoded: 100 megapixels, 300 MB of RGB. Told from the header, before anything is allocated.
pub const LARGEST_IMAGE: u64 = 100_000_000;

/// The longest file read: an uncompressed picture of [`LARGEST_IMAGE`] pixels in 16-bit RGBA, and its headers.
const LONGEST_FILE: u64 = 8 * LARGEST_IMAGE + (1 << 20);

/// A picture: rows from the top, in each row pixels from the left, in each pixel red, green, blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb8Image {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height × width × 3` bytes.
    pub pixels: Vec<u8>,
}

/// Why a file could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The operating system refused to open or read it.
    #[error("{path}: cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It is a member of an archive that cannot be read or is damaged there.
    #[error("{path}: cannot be taken out of its zip archive: {source}; download the archive again", path = path.display())]
    ReadMember { path: PathBuf, source: io::Error },
    /// It has no bytes.
    #[error("{path}: the file is empty; fetch it again", path = path.display())]
    Empty { path: PathBuf },
    /// Its content is that of no picture known here.
    #[error("{path}: not a JPEG, PNG, WebP or BMP picture by its content; convert it to one of these", path = path.display())]
    NotAnImage { path: PathBuf },
    /// It holds more pixels, or bytes, than are decoded.
    #[error("{path}: {found}, more than the {limit} megapixels that are decoded; make it smaller", path = path.display(),
        limit = LARGEST_IMAGE / 1_000_000)]
    TooLarge { path: PathBuf, found: String },
    /// It ends before the picture does, or its content contradicts itself.
    #[error("{path}: damaged {format} picture: {problem}; fetch it again", path = path.display())]
    Damaged { path: PathBuf, format: &'static str, problem: String },
}

/// Decodes a JPEG, PNG, WebP or BMP file.
///
/// # Errors
/// [`DecodeError`] when the file cannot be read, is no such picture, has no pixel or more than [`LARGEST_IMAGE`], is
/// truncated, or fails its checksums.
pub fn decode(path: &Path) -> Result<Rgb8Image, DecodeError> {
    ImageSource::File(path.to_path_buf()).decode()
}

impl ImageSource {
    /// Decodes the JPEG, PNG, WebP or BMP picture that lies there.
    ///
    /// # Errors
    /// As [`decode`]; also when an archive is damaged.
    pub fn decode(&self) -> Result<Rgb8Image, DecodeError> {
        // The decoders are other people's; a panic of one over a damaged picture must not end a run over thousands of good ones.
        catch_unwind(AssertUnwindSafe(|| {
            let (path, bytes) = (self.label(), self.read(LONGEST_FILE + 1)?);
            if bytes.len() as u64 > LONGEST_FILE {
                return Err(DecodeError::TooLarge { path, found: format!("over {LONGEST_FILE} bytes") });
            }
            decode_bytes(&path, &bytes)
        }))
        .unwrap_or_else(|_| {
            let problem = "its decoder gave up".into();
            Err(DecodeError::Damaged { path: self.label(), format: "or unusual", problem })
        })
    }
}

fn decode_bytes(path: &Path, bytes: &[u8]) -> Result<Rgb8Image, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty { path: path.to_path_buf() });
    }
    let format = image::guess_format(bytes).ok().and_then(|format| Some((format, format_name(format)?)));
    let Some((format, name)) = format else {
        return Err(DecodeError::NotAnImage { path: path.to_path_buf() });
    };
    let picture = match format {
        ImageFormat::Jpeg => decode_jpeg(bytes),
        _ => decode_other(format, bytes),
    };
    picture.map_err(|refused| match refused {
        Refused::TooLarge(found) => DecodeError::TooLarge { path: path.to_path_buf(), found },
        Refused::Damaged(problem) => DecodeError::Damaged { path: path.to_path_buf(), format: name, problem },
    })
}

fn format_name(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Jpeg => Some("JPEG"),
        ImageFormat::Png => Some("PNG"),
        ImageFormat::WebP => Some("WebP"),
        ImageFormat::Bmp => Some("BMP"),
        _ => None,
    }
}

/// Why a picture's bytes were refused.
enum Refused {
    TooLarge(String),
    Damaged(String),
}

impl From<ImageError> for Refused {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(limit) => Self::TooLarge(limit.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<JpegError> for Refused {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::LimitExceeded { .. } => Self::TooLarge(error.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

fn check_size(width: u64, height: u64) -> Result<(), Refused> {
    match width.saturating_mul(height) {
        0 => Err(Refused::Damaged(format!("{width}×{height} pixels"))),
        1..=LARGEST_IMAGE => Ok(()),
        _ => Err(Refused::TooLarge(format!("{width}×{height} pixels"))),
    }
}

/// JPEG has its own decoder, bit-exact with the libjpeg-turbo that Pillow and so Keras use. The `image` crate's differs by up
/// to four grey levels (rounding of its inverse transform and chroma upsampling) and paints what is missing of a cut-off file.
fn decode_jpeg(bytes: &[u8]) -> Result<Rgb8Image, Refused> {
    let mut decoder = JpegDecoder::new(bytes)?;
    let (width, height) = (decoder.header().width, decoder.header().height);
    check_size(u64::from(width), u64::from(height))?;
    decoder.set_output_format(PixelFormat::Rgb);
    let pixels = decoder.decode_image()?.into_vec();
    Ok(Rgb8Image { width: u32::from(width), height: u32::from(height), pixels })
}

fn decode_other(format: ImageFormat, bytes: &[u8]) -> Result<Rgb8Image, Refused> {
    let decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height))?;
    if format == ImageFormat::Png {
        whole_png::check(bytes).map_err(|problem| Refused::Damaged(problem.to_owned()))?;
    }
    let colour = decoder.color_type();
    let no_memory = || Refused::TooLarge(format!("{width}×{height} pixels for which there is no memory"));
    let mut samples = zeroed(decoder.total_bytes()).ok_or_else(no_memory)?;
    decoder.read_image(&mut samples)?;
    let pixels = rgb8(samples, colour).ok_or_else(|| Refused::Damaged(format!("colours of the kind {colour:?}")))?;
    Ok(Rgb8Image { width, height, pixels })
}

fn zeroed(length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    bytes.resize(length, 0);
    Some(bytes)
}

/// Samples as the decoder gives them (16-bit ones in this machine's byte order) to 8-bit RGB.
fn rgb8(samples: Vec<u8>, colour: ColorType) -> Option<Vec<u8>> {
    let high = |at: usize, pixel: &[u8]| (u16::from_ne_bytes([pixel[2 * at], pixel[2 * at + 1]]) >> 8) as u8;
    let each = |width: usize, rgb: fn(&[u8]) -> [u8; 3]| samples.chunks_exact(width).flat_map(rgb).collect();
    Some(match colour {
        ColorType::Rgb8 => samples,
        ColorType::L8 => each(1, |pixel| [pixel[0]; 3]),
        ColorType::La8 => each(2, |pixel| [pixel[0]; 3]),
        ColorType::Rgba8 => each(4, |pixel| [pixel[0], pixel[1], pixel[2]]),
        ColorType::L16 => samples.chunks_exact(2).flat_map(|pixel| [high(0, pixel); 3]).collect(),
        ColorType::La16 => samples.chunks_exact(4).flat_map(|pixel| [high(0, pixel); 3]).collect(),
        ColorType::Rgb16 => samples.chunks_exact(6).flat_map(|pixel| [0, 1, 2].map(|at| high(at, pixel))).collect(),
        ColorType::Rgba16 => samples.chunks_exact(8).flat_map(|pixel| [0, 1, 2].map(|at| high(at, pixel))).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/io/images").join(name)
    }

    fn decode_content(content: &[u8]) -> Result<Rgb8Image, DecodeError> {
        decode_bytes(Path::new("picture"), content)
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let cases = [
            ("truncated.jpg", "damaged JPEG picture: unexpected end of data"),
            ("truncated_header.jpg", "damaged JPEG picture"),
            ("truncated.png", "damaged PNG picture: a chunk goes on past the end"),
            ("zero_byte.jpg", "the file is empty"),
            ("text.jpg", "not a JPEG, PNG, WebP or BMP picture"),
            ("huge_dimensions.png", "more than the 100 megapixels"),
            ("large_dimensions.png", "60000×60000 pixels, more than the 100 megapixels"),
            ("huge_dimensions.jpg", "65535×65535 pixels, more than the 100 megapixels"),
            ("zero_width.png", "damaged PNG picture"),
            ("bad_crc.png", "damaged PNG picture: a chunk's checksum (CRC)"),
            ("missing.png", "cannot be read"),
        ];
        for (name, expected) in cases {
            let message = decode(&fixture(name)).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains(name), "{message}");
        }
    }

    /// Whole pictures of every kind, the WebP and BMP ones made here.
    fn pictures() -> Vec<Vec<u8>> {
        let names = ["face_420.jpg", "face_progressive.jpg", "cmyk.jpg", "one_pixel.jpg", "rgb.png", "rgb16.png", "one_bit.png"];
        let mut pictures: Vec<Vec<u8>> = names.iter().map(|name| fs::read(fixture(name)).unwrap()).collect();
        let rgb = decode(&fixture("rgb.png")).unwrap();
        for format in [ImageFormat::WebP, ImageFormat::Bmp] {
            let mut content = Cursor::new(Vec::new());
            image::write_buffer_with_format(
                &mut content,
                &rgb.pixels,
                rgb.width,
                rgb.height,
                image::ExtendedColorType::Rgb8,
                format,
            )
            .unwrap();
            assert_eq!(decode_content(content.get_ref()).unwrap(), rgb);
            pictures.push(content.into_inner());
        }
        pictures
    }

    /// The end marker of a JPEG, two bytes after its last pixel, is the one thing a picture may lack; Pillow agrees.
    #[test]
    fn every_truncation_of_every_kind_is_an_error() {
        for content in pictures() {
            let (whole, last) = (decode_content(&content).unwrap(), content.len() - 2);
            for end in (0..last).step_by((content.len() / 150).max(1)).chain([last - 1, last, last + 1]) {
                match decode_content(&content[..end]) {
                    Err(_) => {}
                    Ok(picture) => assert!(
                        end >= last && content.starts_with(&[0xff, 0xd8]) && picture == whole,
                        "{end} of {} bytes: {:x?}",
                        content.len(),
                        &content[..4]
                    ),
                }
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_png_is_an_error() {
        let content = fs::read(fixture("rgb.png")).unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 0x10;
            assert!(decode_content(&damaged).is_err(), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn damaged_pictures_never_panic(
            picture in 0usize..9,
            at: prop::sample::Index,
            bytes in prop::collection::vec(any::<u8>(), 1..8),
        ) {
            let mut content = pictures().swap_remove(picture);
            let at = at.index(content.len());
            let end = (at + bytes.len()).min(content.len());
            content[at..end].copy_from_slice(&bytes[..end - at]);
            let _ = decode_content(&content);
        }
    }
}

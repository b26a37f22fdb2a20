//! Decodes image files to 8-bit RGB. The pixels are those of Keras' `load_img`, but damaged files are refused, and pictures are
//! turned upright unless [`StoredOrientation::Ignored`] is asked for.
//!
//! The content of a file decides its format, not its name. Of an animation or a file with several pages the first picture is
//! taken. Alpha is dropped, not blended. Gray becomes R = G = B. A 16-bit sample becomes its high byte; Pillow instead clips
//! 16-bit gray to white, which is a defect that is not copied here.

use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};
use libjpeg_turbo_rs::{Decoder as JpegDecoder, JpegError, PixelFormat};

use super::content::{self, Content, FORMATS, format_name};
use super::orientation::{self, StoredOrientation};
use super::source::ImageSource;
use super::{fine_chroma, whole_png, whole_webp};

/// The largest number of pixels that an image may have: 100 megapixels, which are 300 MB of RGB. It is compared with the size
/// in the file's header before any memory is allocated.
pub const LARGEST_IMAGE: u64 = 100_000_000;

/// The largest number of bytes that a file may have: [`LARGEST_IMAGE`] uncompressed pixels of 16-bit RGBA, and the headers.
const LONGEST_FILE: u64 = 8 * LARGEST_IMAGE + (1 << 20);

/// A decoded picture. Its rows are stored from top to bottom, the pixels of a row from left to right, and the bytes of a pixel
/// as red, green, blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb8Image {
    /// Number of pixels in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// `height × width × 3` bytes.
    pub pixels: Vec<u8>,
}

/// Why a file could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The operating system refused to open or read the file.
    #[error("{path}: cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The path leads to a named pipe, a device or a socket. It is not opened, because that could wait forever.
    #[error("{path}: is {what}, not a file; copy its content into a file", path = path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    /// The image is a member of an archive, and the archive cannot be read or is damaged at that place.
    #[error("{path}: cannot be extracted from its archive: {source}; download the archive again", path = path.display())]
    ReadMember { path: PathBuf, source: io::Error },
    /// The file has no bytes.
    #[error("{path}: the file is empty; replace it by an intact copy", path = path.display())]
    Empty { path: PathBuf },
    /// The content is not that of a supported image format.
    #[error("{path}: not a {FORMATS} picture by its content; convert it to one of these", path = path.display())]
    NotAnImage { path: PathBuf },
    /// The image is in a format, or in a variant of a format, that cannot be decoded. `remedy` tells the user what to do.
    #[error("{path}: {format} pictures are not supported; {remedy}", path = path.display())]
    Unsupported { path: PathBuf, format: String, remedy: &'static str },
    /// The image has more than [`LARGEST_IMAGE`] pixels, or the file is too long.
    #[error("{path}: {found}, more than the {limit} megapixels that are supported; scale it down", path = path.display(),
        limit = LARGEST_IMAGE / 1_000_000)]
    TooLarge { path: PathBuf, found: String },
    /// The file is truncated, fails a checksum or contradicts itself.
    #[error("{path}: damaged {format} picture: {problem}; replace it by an intact copy", path = path.display())]
    Damaged { path: PathBuf, format: &'static str, problem: String },
}

impl DecodeError {
    /// Returns the kind of this error in a few words, by which unusable pictures are counted.
    pub fn kind(&self) -> &'static str {
        match self {
            DecodeError::Read { .. } => "cannot be read",
            DecodeError::NotAFile { .. } => "not a regular file",
            DecodeError::ReadMember { .. } => "cannot be extracted from its archive",
            DecodeError::Empty { .. } => "empty",
            DecodeError::NotAnImage { .. } => "not a picture by its content",
            DecodeError::Unsupported { .. } => "unsupported format",
            DecodeError::TooLarge { .. } => "too large",
            DecodeError::Damaged { .. } => "damaged",
        }
    }
}

/// Decodes a picture and turns it upright.
///
/// # Errors
/// [`DecodeError`] when the file cannot be read, is in another format, has no pixels or more than [`LARGEST_IMAGE`], is
/// truncated, or fails a checksum.
pub fn decode(path: &Path) -> Result<Rgb8Image, DecodeError> {
    ImageSource::File(path.to_path_buf()).decode(StoredOrientation::Applied)
}

impl ImageSource {
    /// Reads this source and decodes it as a picture in any of the supported formats.
    ///
    /// # Errors
    /// The same as those of [`decode()`], and an error when the archive is damaged.
    pub fn decode(&self, orientation: StoredOrientation) -> Result<Rgb8Image, DecodeError> {
        // The decoders are third-party code. If one of them panics on a damaged picture, a run over thousands of intact
        // pictures must go on.
        catch_unwind(AssertUnwindSafe(|| {
            let (path, bytes) = (self.label(), self.read(LONGEST_FILE + 1)?);
            if bytes.len() as u64 > LONGEST_FILE {
                return Err(DecodeError::TooLarge { path, found: format!("over {LONGEST_FILE} bytes") });
            }
            decode_bytes(&path, &bytes, orientation)
        }))
        .unwrap_or_else(|_| {
            let problem = "the decoder failed on it".into();
            Err(DecodeError::Damaged { path: self.label(), format: "or unusual", problem })
        })
    }
}

fn decode_bytes(path: &Path, bytes: &[u8], orientation: StoredOrientation) -> Result<Rgb8Image, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty { path: path.to_path_buf() });
    }
    let (format, name) = match content::recognise(path, &bytes[..bytes.len().min(content::LENGTH)]) {
        Content::Picture(format) => (format, format_name(format).unwrap_or_default()),
        Content::Unsupported(format) => {
            return Err(DecodeError::Unsupported { path: path.to_path_buf(), format: format.name.into(), remedy: format.remedy });
        }
        _ => return Err(DecodeError::NotAnImage { path: path.to_path_buf() }),
    };
    let picture = match format {
        ImageFormat::Jpeg => decode_jpeg(bytes),
        _ => decode_other(format, bytes),
    };
    let stored = picture.map_err(|refused| match refused {
        Refused::TooLarge(found) => DecodeError::TooLarge { path: path.to_path_buf(), found },
        Refused::Damaged(problem) => DecodeError::Damaged { path: path.to_path_buf(), format: name, problem },
        Refused::Unsupported(variant) => DecodeError::Unsupported {
            path: path.to_path_buf(),
            format: format!("{name} ({variant})"),
            remedy: "save it again as an 8-bit RGB picture",
        },
    })?;
    Ok(match orientation {
        StoredOrientation::Applied => orientation::upright(stored, orientation::recorded(format, bytes)),
        StoredOrientation::Ignored => stored,
    })
}

/// The reason for refusing an image. The caller adds the path to it.
enum Refused {
    TooLarge(String),
    Damaged(String),
    Unsupported(String),
}

impl From<ImageError> for Refused {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(limit) => Self::TooLarge(limit.to_string()),
            ImageError::Unsupported(variant) => Self::Unsupported(variant.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<JpegError> for Refused {
    fn from(error: JpegError) -> Self {
        match error {
            JpegError::LimitExceeded { .. } => Self::TooLarge(error.to_string()),
            JpegError::Unsupported(variant) => Self::Unsupported(variant),
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

/// Decodes a JPEG with the libjpeg-turbo crate, which gives the same bytes as the libjpeg-turbo library that Pillow, and
/// therefore Keras, uses. The `image` crate's own JPEG decoder differs by up to four levels, because it rounds its inverse
/// transform and upsamples chroma differently, and it fills in the missing part of a truncated file.
fn decode_jpeg(bytes: &[u8]) -> Result<Rgb8Image, Refused> {
    let mut decoder = JpegDecoder::new(bytes)?;
    let (width, height) = (decoder.header().width, decoder.header().height);
    check_size(u64::from(width), u64::from(height))?;
    if fine_chroma::is_fine(&decoder) {
        return Ok(fine_chroma::decode(decoder)?);
    }
    decoder.set_output_format(PixelFormat::Rgb);
    let pixels = decoder.decode_image()?.into_vec();
    Ok(Rgb8Image { width: u32::from(width), height: u32::from(height), pixels })
}

/// Decodes a picture that is no JPEG.
fn decode_other(format: ImageFormat, bytes: &[u8]) -> Result<Rgb8Image, Refused> {
    if format == ImageFormat::WebP {
        whole_webp::check(bytes).map_err(|problem| Refused::Damaged(problem.to_owned()))?;
    }
    let decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height))?;
    if format == ImageFormat::Png {
        whole_png::check(bytes).map_err(|problem| Refused::Damaged(problem.to_owned()))?;
    }
    let colour = decoder.color_type();
    let no_memory = || Refused::TooLarge(format!("{width}×{height} pixels, which do not fit into memory"));
    let mut samples = zeroed(decoder.total_bytes()).ok_or_else(no_memory)?;
    decoder.read_image(&mut samples)?;
    let pixels = rgb8(samples, colour).ok_or_else(|| Refused::Unsupported(format!("{colour:?}")))?;
    Ok(Rgb8Image { width, height, pixels })
}

/// Returns `length` zeros, or `None` if there is not enough memory.
fn zeroed(length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).ok()?;
    bytes.resize(length, 0);
    Some(bytes)
}

/// Converts a decoder's samples to 8-bit RGB. 16-bit samples are in the byte order of this machine. Returns `None` for a colour
/// type that is not supported.
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
        decode_bytes(Path::new("picture"), content, StoredOrientation::Applied)
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let cases = [
            ("truncated.jpg", "damaged JPEG picture: unexpected end of data"),
            ("truncated_header.jpg", "damaged JPEG picture"),
            ("truncated.png", "damaged PNG picture: a chunk extends past the end"),
            ("zero_byte.jpg", "the file is empty"),
            ("text.jpg", "not a JPEG, PNG, WebP, TIFF, GIF or BMP picture"),
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

    /// Intact pictures in every format. The WebP, BMP, GIF and TIFF pictures are encoded here.
    fn pictures() -> Vec<Vec<u8>> {
        let names = ["face_420.jpg", "face_progressive.jpg", "cmyk.jpg", "one_pixel.jpg", "rgb.png", "rgb16.png", "one_bit.png"];
        let mut pictures: Vec<Vec<u8>> = names.iter().map(|name| fs::read(fixture(name)).unwrap()).collect();
        let rgb = decode(&fixture("rgb.png")).unwrap();
        for format in [ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif] {
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
            // A GIF has at most 256 colours.
            let decoded = decode_content(content.get_ref()).unwrap();
            assert!(decoded == rgb || (format == ImageFormat::Gif && decoded.width == rgb.width), "{format:?}");
            pictures.push(content.into_inner());
        }
        pictures
    }

    /// A JPEG may lack its end marker, the two bytes after the last pixel: Pillow accepts that, too. A GIF may lack what follows
    /// its last pixel: an end code, the end of the block and the trailer. No picture may lack more.
    #[test]
    fn every_truncation_of_every_format_is_an_error() {
        for content in pictures() {
            let (whole, last) = (decode_content(&content).unwrap(), content.len() - 2);
            let complete = if content.starts_with(b"GIF8") { content.len() - 4 } else { last };
            let may_lack_its_end = content.starts_with(b"\xff\xd8") || content.starts_with(b"GIF8");
            for end in (0..last).step_by((content.len() / 150).max(1)).chain([last - 3, last - 1, last, last + 1]) {
                match decode_content(&content[..end]) {
                    Err(_) => {}
                    Ok(picture) => assert!(
                        end >= complete && may_lack_its_end && picture == whole,
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
            picture in 0usize..11,
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

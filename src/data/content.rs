//! Recognises files by their first bytes.

use std::ffi::OsStr;
use std::path::Path;

use image::ImageFormat;

/// Number of bytes from which a file is recognised: a tar header has its mark at byte 257.
pub(super) const LENGTH: usize = 264;

/// What a file is by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A picture in a format that can be decoded.
    Picture(ImageFormat),
    /// A picture in a format that cannot be decoded.
    Unsupported(UnsupportedFormat),
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// A compressed file, which may be a compressed tar archive.
    Compressed,
    /// A file in which macOS keeps the attributes of another one.
    AppleDouble,
    /// Anything else.
    Other,
}

/// A format of pictures that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsupportedFormat {
    /// Name of the format.
    pub name: &'static str,
    /// What the user can do about such a picture.
    pub remedy: &'static str,
}

const HEIC: UnsupportedFormat = UnsupportedFormat {
    name: "HEIC",
    remedy: "convert it to JPEG, for example with `heif-convert`; iPhones take JPEG with the camera format 'Most Compatible'",
};
const AVIF: UnsupportedFormat =
    UnsupportedFormat { name: "AVIF", remedy: "convert it to PNG or JPEG, for example with `avifdec` or ImageMagick" };
const RAW: UnsupportedFormat =
    UnsupportedFormat { name: "camera raw", remedy: "develop it to JPEG or TIFF, for example with darktable" };

const fn converted(name: &'static str) -> UnsupportedFormat {
    UnsupportedFormat { name, remedy: "convert it to PNG or JPEG, for example with ImageMagick" }
}

/// The brands of ISO base media files that hold pictures (ISO/IEC 23008-12, annex B; AV1 Image File Format, 6).
const BRANDS: [(&[u8; 4], UnsupportedFormat); 11] = [
    (b"avif", AVIF),
    (b"avis", AVIF),
    (b"heic", HEIC),
    (b"heix", HEIC),
    (b"heim", HEIC),
    (b"heis", HEIC),
    (b"hevc", HEIC),
    (b"hevx", HEIC),
    (b"mif1", HEIC),
    (b"msf1", HEIC),
    (b"crx ", RAW),
];

/// The first bytes of formats that cannot be decoded.
const UNSUPPORTED: [(&[u8], UnsupportedFormat); 10] = [
    (b"\xff\x0a", converted("JPEG XL")),
    (b"\0\0\0\x0cJXL \r\n\x87\n", converted("JPEG XL")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", converted("JPEG 2000")),
    (b"\xff\x4f\xff\x51", converted("JPEG 2000")),
    (b"8BPS", converted("Photoshop")),
    (b"gimp xcf", converted("GIMP")),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIU\0", RAW),
    (b"II*\0\x10\0\0\0CR", RAW),
];

/// Extensions of raw files that are TIFF files by their content. Their first picture is only a preview.
const RAW_EXTENSIONS: [&str; 8] = ["nef", "nrw", "arw", "sr2", "dng", "pef", "cr2", "srw"];

/// Extensions that promise a picture which can be decoded. A file in a folder that has one is never left out silently.
pub(super) const PICTURE_EXTENSIONS: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff"];

/// The formats that can be decoded, as messages name them.
pub(super) const FORMATS: &str = "JPEG, PNG, WebP, TIFF, GIF or BMP";

/// Returns the name of a format that can be decoded, and `None` for any other format.
pub(super) fn format_name(format: ImageFormat) -> Option<&'static str> {
    Some(match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Tiff => "TIFF",
        _ => return None,
    })
}

/// Recognises a file by its first bytes, at most [`LENGTH`] of them. The name is consulted only to tell raw files from TIFF.
pub(super) fn recognise(path: &Path, start: &[u8]) -> Content {
    let starts = |prefix: &[u8]| start.starts_with(prefix);
    if starts(b"\x00\x05\x16\x07") || starts(b"\x00\x05\x16\x00") {
        return Content::AppleDouble;
    }
    if start.get(4..8) == Some(b"ftyp")
        && let Some((_, format)) = BRANDS.iter().find(|(brand, _)| start.get(8..12) == Some(&brand[..]))
    {
        return Content::Unsupported(*format);
    }
    if let Some((_, format)) = UNSUPPORTED.iter().find(|(prefix, _)| starts(prefix)) {
        return Content::Unsupported(*format);
    }
    if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        return Content::Zip;
    }
    if start.get(257..262) == Some(b"ustar") {
        return Content::Tar;
    }
    if starts(b"\x1f\x8b") || starts(b"\xfd7zXZ\0") || starts(b"BZh") || starts(b"\x28\xb5\x2f\xfd") {
        return Content::Compressed;
    }
    match image::guess_format(start) {
        Ok(ImageFormat::Tiff) if has_extension(path, &RAW_EXTENSIONS) => Content::Unsupported(RAW),
        // Two letters are a weak mark, so the length of the second header must be a known one, too.
        Ok(ImageFormat::Bmp) if !matches!(start.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) => {
            Content::Other
        }
        Ok(format) if format_name(format).is_some() => Content::Picture(format),
        _ => Content::Other,
    }
}

/// Returns whether the path has one of these extensions. Letter case does not matter.
pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| extensions.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_first_bytes() {
        let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
        let bmp = [&b"BM"[..], &[0; 12], &[40, 0, 0, 0]].concat();
        let cases: [(&str, &[u8], Content); 18] = [
            ("a", b"\xff\xd8\xff\xe0", Content::Picture(ImageFormat::Jpeg)),
            ("a.txt", b"\x89PNG\r\n\x1a\n", Content::Picture(ImageFormat::Png)),
            ("a", b"RIFF....WEBPVP8 ", Content::Picture(ImageFormat::WebP)),
            ("a", b"GIF89a", Content::Picture(ImageFormat::Gif)),
            ("a.tif", b"MM\0*", Content::Picture(ImageFormat::Tiff)),
            ("a.NEF", b"MM\0*", Content::Unsupported(RAW)),
            ("a.jpg", b"\0\0\0\x18ftypheic\0\0\0\0", Content::Unsupported(HEIC)),
            ("a", b"\0\0\0\x1cftypavif\0\0\0\0", Content::Unsupported(AVIF)),
            ("a.mp4", b"\0\0\0\x1cftypisom\0\0\0\0", Content::Other),
            ("a", &bmp, Content::Picture(ImageFormat::Bmp)),
            ("a", b"BMW is a manufacturer of cars", Content::Other),
            ("a.jpg", b"PK\x03\x04", Content::Zip),
            ("a", &tar, Content::Tar),
            ("a.tar.gz", b"\x1f\x8b\x08", Content::Compressed),
            ("._a.jpg", b"\x00\x05\x16\x07\x00\x02", Content::AppleDouble),
            ("a.jpg", b"", Content::Other),
            ("a.jpg", b"image,Male", Content::Other),
            ("a.ppm", b"P6 1 1 255", Content::Other),
        ];
        for (name, start, expected) in cases {
            assert_eq!(recognise(Path::new(name), start), expected, "{name}: {start:?}");
        }
    }
}

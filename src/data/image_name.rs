//! Names of images in tables. A path need not be text, but a table is, so bytes that are not text are escaped.

use std::path::{Path, PathBuf};

/// Returns the name of an image in a table: its path, in which every byte that is not part of UTF-8 text is written as `\xHH`,
/// and blanks at the start and the end, too, because readers of tables remove these. A backslash that would be taken for the
/// start of such an escape is written as `\x5C`, so that [`image_path`] always returns the same path.
///
/// ```
/// use lineament::data::{image_name, image_path};
/// use std::path::Path;
///
/// let path = Path::new("photographs/été.jpg");
/// assert_eq!(image_name(path), "photographs/été.jpg");
/// assert_eq!(image_path(&image_name(path)), path);
/// ```
pub fn image_name(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut name = String::with_capacity(bytes.len());
    let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!(r"\x{byte:02X}")).collect::<String>();
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find('\\') {
            let (before, after) = rest.split_at(at);
            name.push_str(before);
            name.push_str(if escaped(after.as_bytes()).is_some() { r"\x5C" } else { "\\" });
            rest = &after[1..];
        }
        name.push_str(rest);
        name.push_str(&escape(chunk.invalid()));
    }
    let (kept_start, kept_end) = (name.trim_start().len(), name.trim_end().len());
    let (before, after) = (&name[..name.len() - kept_start], &name[kept_end.max(name.len() - kept_start)..]);
    let kept = name.trim();
    format!("{}{kept}{}", escape(before.as_bytes()), escape(after.as_bytes()))
}

/// Returns the path of the image that [`image_name`] gave this name.
pub fn image_path(name: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match escaped(rest) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    #[cfg(unix)]
    return PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes));
    // Elsewhere a path that is not Unicode has no safe form in bytes, so only escaped backslashes are replaced.
    #[cfg(not(unix))]
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the byte that the escape at the start of `text` stands for, if there is an escape of a backslash, of a blank, or of a
/// byte that is no ASCII character.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'\\', b'x', high, low, ..] = *text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_lowercase());
    let byte = (digit(high)? * 16 + digit(low)?) as u8;
    (byte == b'\\' || !byte.is_ascii() || char::from(byte).is_whitespace()).then_some(byte)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn path(bytes: &[u8]) -> &Path {
        Path::new(OsStr::from_bytes(bytes))
    }

    #[test]
    fn names_are_the_paths_except_where_they_are_not_text() {
        let cases: [(&[u8], &str); 10] = [
            (b"a/b c.jpg", "a/b c.jpg"),
            ("é😀.jpg".as_bytes(), "é😀.jpg"),
            (b"\xff.jpg", r"\xFF.jpg"),
            (b"caf\xe9/1.jpg", r"caf\xE9/1.jpg"),
            (br"\xFF.jpg", r"\x5CxFF.jpg"),
            (br"a\b\x41\xff", r"a\b\x41\xff"),
            (br"\x5C", r"\x5Cx5C"),
            (b" a b.jpg\n", r"\x20a b.jpg\x0A"),
            (b"  ", r"\x20\x20"),
            ("\u{a0}a".as_bytes(), r"\xC2\xA0a"),
        ];
        for (bytes, name) in cases {
            assert_eq!(image_name(path(bytes)), name);
            assert_eq!(image_path(name), path(bytes));
        }
    }

    proptest! {
        #[test]
        fn every_path_is_found_again_by_its_name(
            bytes in prop::collection::vec(prop_oneof![Just(b'\\'), Just(b'x'), Just(b'5'), Just(b'C'), Just(b' '), Just(0xff), any::<u8>()], 0..20),
        ) {
            prop_assert_eq!(image_path(&image_name(path(&bytes))), path(&bytes));
        }

        #[test]
        fn two_paths_never_have_the_same_name(
            left in prop::collection::vec(prop_oneof![Just(b'\\'), Just(b'x'), Just(b'F'), Just(b' '), Just(0xff)], 0..8),
            right in prop::collection::vec(prop_oneof![Just(b'\\'), Just(b'x'), Just(b'F'), Just(0xff)], 0..8),
        ) {
            prop_assert_eq!(left == right, image_name(path(&left)) == image_name(path(&right)));
        }
    }
}

//! Whether a picture file is all there.
//!
//! The decoders paint what they have of a cut-off picture and call it done; here that is an error.

use image::ImageFormat;

/// Says what is missing from the bytes of a JPEG or PNG file. WebP and BMP decoders notice for themselves.
pub(super) fn check(format: ImageFormat, bytes: &[u8]) -> Result<(), &'static str> {
    match format {
        ImageFormat::Jpeg => jpeg(bytes),
        ImageFormat::Png => png(bytes),
        _ => Ok(()),
    }
}

/// Walks the segments from the start-of-image marker to the end-of-image marker (ITU-T T.81, B.1). Looking for the last two
/// bytes alone would fail on files with something appended, and succeed on a cut that leaves a whole thumbnail.
fn jpeg(bytes: &[u8]) -> Result<(), &'static str> {
    const CUT_OFF: &str = "the file ends before the picture does";
    let mut at = 2;
    loop {
        // Whatever is not a marker is entropy-coded data or padding: FF 00 is a stuffed byte, FF FF a fill byte.
        let marker = loop {
            match bytes.get(at..at + 2).ok_or(CUT_OFF)? {
                [0xff, 0xff] => at += 1,
                [0xff, marker] if *marker != 0 => break *marker,
                _ => at += 1,
            }
        };
        at += 2;
        match marker {
            0xd9 => return Ok(()),
            0xd0..=0xd8 | 0x01 => {}
            _ => {
                let length = bytes.get(at..at + 2).ok_or(CUT_OFF)?;
                at += usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
}

/// Walks the chunks to `IEND` and compares the checksum of every critical one (PNG specification, 5.3 and 5.4).
fn png(bytes: &[u8]) -> Result<(), &'static str> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    loop {
        let header = rest.get(..8).ok_or("the file ends before its IEND chunk")?;
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let (kind, end) = (&header[4..8], length.saturating_add(8));
        let checksum = rest.get(end..end.saturating_add(4)).ok_or("a chunk goes on past the end of the file")?;
        let critical = kind[0].is_ascii_uppercase();
        if critical && crc32(&rest[4..end]).to_be_bytes() != checksum {
            return Err("a chunk's checksum (CRC) does not match its content");
        }
        if kind == b"IEND" {
            return Ok(());
        }
        rest = &rest[end + 4..];
    }
}

/// CRC-32 as PNG uses it (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn walks_a_jpeg_through_stuffing_restarts_and_segments() {
        let whole = [
            0xff, 0xd8, // start of image
            0xff, 0xe1, 0, 6, 0xff, 0xd9, 0xff, 0xd9, // a segment whose content looks like an end
            0xff, 0xda, 0, 2, 1, 2, 0xff, 0, 0xff, 0xd0, 3, 0xff, 0xff, 0xd9, 7, 7, // a scan, the end, something appended
        ];
        assert_eq!(jpeg(&whole), Ok(()));
        for end in 2..whole.len() - 2 {
            assert!(jpeg(&whole[..end]).is_err(), "{end}");
        }
    }
}

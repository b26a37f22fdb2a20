//! Checks that a PNG file is complete and undamaged.
//!
//! The decoder stops reading after the last row of pixels, so it would not notice that the file is cut off or damaged after
//! that row.

/// Walks over all chunks up to `IEND` and compares the checksum (CRC-32) of every critical chunk (PNG specification, 5.3 and
/// 5.4).
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    loop {
        let header = rest.get(..8).ok_or("the file ends before its IEND chunk")?;
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let (kind, end) = (&header[4..8], length.saturating_add(8));
        let checksum = rest.get(end..end.saturating_add(4)).ok_or("a chunk extends past the end of the file")?;
        let critical = kind[0].is_ascii_uppercase();
        if critical && crc32fast::hash(&rest[4..end]).to_be_bytes() != checksum {
            return Err("a chunk's checksum (CRC) does not match its content");
        }
        if kind == b"IEND" {
            return Ok(());
        }
        rest = &rest[end + 4..];
    }
}

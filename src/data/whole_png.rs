//! Whether a PNG file is all there and unharmed.
//!
//! The decoder stops reading at the last row it needs: what is cut off or damaged after that would pass.

/// Walks the chunks to `IEND` and compares the checksum of every critical one (PNG specification, 5.3 and 5.4).
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
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
}

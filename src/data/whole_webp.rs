//! Checks that a WebP file is complete.
//!
//! The decoder fills in what is missing at the end of a file, so it would not notice that the file is cut off.

/// Compares the lengths in the RIFF header and in the headers of the chunks with the length of the file, as libwebp does. Bytes
/// after the end that the header states are ignored (RFC 9649, 2.4).
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub(super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    let length = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let end = length(4).and_then(|length| length.checked_add(8)).ok_or("the file ends within its header")?;
    if end > bytes.len() {
        return Err("the file is shorter than its header says");
    }
    let mut at = 12;
    while at + 8 <= end {
        // A chunk of odd length is padded with one byte, which some programs leave out at the end.
        let chunk = length(at + 4).ok_or("the file ends within the header of a chunk")?;
        if chunk > end - at - 8 {
            return Err("a chunk extends past the end of the file");
        }
        at += 8 + chunk + chunk % 2;
    }
    Ok(())
}

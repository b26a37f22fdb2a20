//! The checksum of our own weights files, which catches bits that were flipped on the disk.
//!
//! It is the CRC-32 of the header, with zeros in its place, and of the tensors. The header has it as the metadata
//! `KEY`, so other programs read such a file as any safetensors file. A file without the key is not checked.

/// The metadata key of the checksum.
pub(super) const KEY: &str = "lineament_crc32";
/// The value that stands in the place of the checksum while it is computed.
pub(super) const BLANK: &str = "00000000";

/// Returns the position of the checksum's eight digits in a JSON header, if it has one.
pub(super) fn position(header: &[u8]) -> Option<usize> {
    let prefix = format!("\"{KEY}\":\"");
    let at = header.windows(prefix.len()).position(|window| window == prefix.as_bytes())? + prefix.len();
    (header.len() >= at + BLANK.len()).then_some(at)
}

/// Returns the checksum of a header, in which it is blank, and the bytes of the tensors.
pub(super) fn of(blank_header: &[u8], tensors: impl Iterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = crc32fast::Hasher::new();
    hash.update(blank_header);
    tensors.for_each(|bytes| hash.update(bytes.as_ref()));
    format!("{:08x}", hash.finalize())
}

/// Checks a file that was read whole.
///
/// # Errors
/// A sentence that says that the content is not what was written.
pub(super) fn check(header: &[u8], tensors: &[u8]) -> Result<(), String> {
    let Some(at) = position(header) else { return Ok(()) };
    let end = at + BLANK.len();
    let blank = [&header[..at], BLANK.as_bytes(), &header[end..]].concat();
    let found = of(&blank, std::iter::once(tensors));
    if found.as_bytes() == &header[at..end] {
        return Ok(());
    }
    let stated = String::from_utf8_lossy(&header[at..end]);
    Err(format!(
        "its content has the checksum {found} where {stated} was written, so it is damaged (a program that changes it on purpose \
         must remove '{KEY}' from its metadata)"
    ))
}

//! The source of an image's bytes: a file, or a member of a zip archive.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::archive::ArchiveMember;
use super::decode::DecodeError;

/// A file, or a member of a zip archive. Cloning is cheap, because members share their archive.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageSource {
    /// A file.
    File(PathBuf),
    /// A member of a zip archive, which is read without unpacking the archive.
    Member(ArchiveMember),
}

impl From<PathBuf> for ImageSource {
    fn from(path: PathBuf) -> ImageSource {
        ImageSource::File(path)
    }
}

impl ImageSource {
    /// Returns the path by which messages name this source. For a member this is the archive's path followed by the member's
    /// name.
    pub fn label(&self) -> PathBuf {
        match self {
            ImageSource::File(path) => path.clone(),
            ImageSource::Member(member) => member.label(),
        }
    }

    /// Returns a text that changes when the image is replaced by another one of the same name, as far as this can be told
    /// without reading the image. For a file it is the length in bytes (0 if the file does not exist), for a member the
    /// length and the CRC-32.
    pub fn version(&self) -> String {
        match self {
            ImageSource::File(path) => std::fs::metadata(path).map_or(0, |file| file.len()).to_string(),
            ImageSource::Member(member) => {
                let (length, checksum) = member.length_and_checksum();
                format!("{length} {checksum:08x}")
            }
        }
    }

    /// Reads the content, but at most `longest` bytes of it.
    pub(super) fn read(&self, longest: u64) -> Result<Vec<u8>, DecodeError> {
        match self {
            ImageSource::File(path) => {
                let failed = |source: io::Error| DecodeError::Read { path: path.clone(), source };
                let mut bytes = Vec::new();
                File::open(path).map_err(failed)?.take(longest).read_to_end(&mut bytes).map_err(failed)?;
                Ok(bytes)
            }
            ImageSource::Member(member) => {
                member.read(longest).map_err(|source| DecodeError::ReadMember { path: member.label(), source })
            }
        }
    }
}

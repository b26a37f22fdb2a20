//! Where an image's bytes come from.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::archive::ArchiveMember;
use super::decode::DecodeError;

/// A file, or a member of a zip archive. Cheap to clone: members share their archive.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageSource {
    /// A file of its own.
    File(PathBuf),
    /// A member of an archive, read where it lies.
    Member(ArchiveMember),
}

impl From<PathBuf> for ImageSource {
    fn from(path: PathBuf) -> ImageSource {
        ImageSource::File(path)
    }
}

impl ImageSource {
    /// What messages call it: its path, or its archive's path with its name after that.
    pub fn label(&self) -> PathBuf {
        match self {
            ImageSource::File(path) => path.clone(),
            ImageSource::Member(member) => member.label(),
        }
    }

    /// A text that differs where the image was replaced under its name, so far as can be told without reading it: the length
    /// of a file (0 if there is none), the length and CRC-32 of a member.
    pub fn version(&self) -> String {
        match self {
            ImageSource::File(path) => std::fs::metadata(path).map_or(0, |file| file.len()).to_string(),
            ImageSource::Member(member) => {
                let (length, checksum) = member.length_and_checksum();
                format!("{length} {checksum:08x}")
            }
        }
    }

    /// Its bytes, at most `longest` of them.
    pub(super) fn read(&self, longest: u64) -> Result<Vec<u8>, DecodeError> {
        match self {
            ImageSource::File(path) => {
                let refused = |source: io::Error| DecodeError::Read { path: path.clone(), source };
                let mut bytes = Vec::new();
                File::open(path).map_err(refused)?.take(longest).read_to_end(&mut bytes).map_err(refused)?;
                Ok(bytes)
            }
            ImageSource::Member(member) => {
                member.read(longest).map_err(|source| DecodeError::ReadMember { path: member.label(), source })
            }
        }
    }
}

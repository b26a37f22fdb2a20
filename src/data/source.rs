//! The source of an image's bytes: a file, or a member of an archive.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::archive::ArchiveMember;
use super::decode::DecodeError;
use crate::plan::hexadecimal;

/// A file, or a member of a zip or tar archive. Cloning is cheap, because members share their archive.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageSource {
    /// A file.
    File(PathBuf),
    /// A member of an archive, which is read without unpacking the archive.
    Member(ArchiveMember),
}

impl From<PathBuf> for ImageSource {
    fn from(path: PathBuf) -> ImageSource {
        ImageSource::File(path)
    }
}

/// Number of images that are hashed between two reports of progress.
const HASHED_AT_ONCE: usize = 256;

impl ImageSource {
    /// Returns the path by which messages name this source. For a member this is the archive's path followed by the member's
    /// name.
    pub fn label(&self) -> PathBuf {
        match self {
            ImageSource::File(path) => path.clone(),
            ImageSource::Member(member) => member.label(),
        }
    }

    /// Returns the path of the file that is read: the image itself, or its archive.
    pub fn file(&self) -> &Path {
        match self {
            ImageSource::File(path) => path,
            ImageSource::Member(member) => member.archive_path(),
        }
    }

    /// Returns a text that changes when the image is replaced by another one of the same name: a hash of its content. A zip
    /// archive has recorded a checksum, so its members need not be read. An image that cannot be read has the version
    /// `unreadable`.
    pub fn version(&self) -> String {
        let hashed = || Ok::<_, DecodeError>(hexadecimal(&Sha256::digest(self.read(u64::MAX)?)[..16]));
        let recorded = match self {
            ImageSource::File(_) => None,
            ImageSource::Member(member) => member.recorded_version(),
        };
        recorded.unwrap_or_else(|| hashed().unwrap_or_else(|_| "unreadable".into()))
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub fn bytes(&self) -> Result<Vec<u8>, DecodeError> {
        self.read(u64::MAX)
    }

    /// Reads the content, but at most `longest` bytes of it.
    pub(super) fn read(&self, longest: u64) -> Result<Vec<u8>, DecodeError> {
        match self {
            ImageSource::File(path) => {
                let failed = |source: io::Error| DecodeError::Read { path: path.clone(), source };
                // Opening a named pipe waits until another program writes to it.
                let found = std::fs::metadata(path).map_err(|source| explained(path, source)).map_err(failed)?;
                if let Some(what) = special_file(found.file_type()) {
                    return Err(DecodeError::NotAFile { path: path.clone(), what });
                }
                let mut bytes = Vec::with_capacity(expected_length(&found, longest));
                File::open(path).map_err(failed)?.take(longest).read_to_end(&mut bytes).map_err(failed)?;
                Ok(bytes)
            }
            ImageSource::Member(member) => {
                member.read(longest).map_err(|source| DecodeError::ReadMember { path: member.label(), source })
            }
        }
    }
}

/// Returns the [version](ImageSource::version) of each image, or `None` if `stop` was set. `progress` receives the number of
/// images that were read.
pub fn versions(images: &[ImageSource], stop: &AtomicBool, mut progress: impl FnMut(usize)) -> Option<Vec<String>> {
    let mut versions = Vec::with_capacity(images.len());
    for some in images.chunks(HASHED_AT_ONCE) {
        if stop.load(Ordering::SeqCst) {
            return None;
        }
        versions.par_extend(some.par_iter().map(ImageSource::version));
        progress(versions.len());
    }
    Some(versions)
}

/// Returns the number of bytes to make room for.
fn expected_length(found: &Metadata, longest: u64) -> usize {
    const MOST: u64 = 64 << 20;
    found.len().min(longest).min(MOST) as usize
}

/// Opens a file for reading, but no named pipe, socket or device in a folder of the user's: that could wait forever. What the
/// shell passes as a path below `/dev` or `/proc` is opened whatever it is.
///
/// # Errors
/// The path does not exist, is not a file, or cannot be opened.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let found = std::fs::metadata(path).map_err(|source| explained(path, source))?;
    let of_shell = path.starts_with("/dev") || path.starts_with("/proc");
    match special_file(found.file_type()) {
        Some(what) if !of_shell => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a file"))),
        _ => File::open(path),
    }
}

/// Says what a path leads to that is neither a file nor a link: `a named pipe`, for example. Returns `None` for a file.
pub(super) fn special_file(found: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if found.is_fifo() {
            return Some("a named pipe");
        }
        if found.is_socket() {
            return Some("a socket");
        }
        if found.is_block_device() || found.is_char_device() {
            return Some("a device");
        }
    }
    if found.is_dir() { Some("a folder") } else { None }
}

/// Adds to the error for a missing file that its name is a link, and what the link points to.
pub(super) fn explained(path: &Path, source: io::Error) -> io::Error {
    match (source.kind(), std::fs::read_link(path)) {
        (io::ErrorKind::NotFound, Ok(target)) => {
            io::Error::new(io::ErrorKind::NotFound, format!("it is a link to {}, which does not exist", target.display()))
        }
        _ => source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_version_follows_from_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let source = ImageSource::File(path.clone());
        let missing = source.version();
        fs::write(&path, b"first").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let first = source.version();
        // The other content has the same length and the same time.
        fs::write(&path, b"other").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        let other = source.version();
        assert!(missing != first && first != other && other != missing, "{missing} {first} {other}");
        fs::write(&path, b"first").unwrap();
        assert_eq!(source.version(), first);

        let images = vec![source; HASHED_AT_ONCE + 1];
        let mut seen = Vec::new();
        let all = versions(&images, &AtomicBool::new(false), |done| seen.push(done)).unwrap();
        assert!(all.iter().all(|version| *version == first) && seen == [HASHED_AT_ONCE, HASHED_AT_ONCE + 1]);
        assert!(versions(&images, &AtomicBool::new(true), |_| ()).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn special_files_are_named_and_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        for (path, expected) in [(path, "a socket, not a file"), ("/dev/zero".into(), "a device"), ("/".into(), "a folder")] {
            let message = ImageSource::File(path).read(u64::MAX).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert!(open_file(&folder.path().join("a.jpg")).unwrap_err().to_string().contains("a socket"));
        assert!(open_file(Path::new("/dev/null")).is_ok() && open_file(Path::new(env!("CARGO_MANIFEST_DIR"))).is_err());
        let link = folder.path().join("link.jpg");
        std::os::unix::fs::symlink("nowhere.jpg", &link).unwrap();
        let message = ImageSource::File(link).read(u64::MAX).unwrap_err().to_string();
        assert!(message.contains("link.jpg") && message.contains("a link to nowhere.jpg"), "{message}");
    }
}

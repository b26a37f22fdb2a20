//! Reads members of zip archives without unpacking the archives. Several threads can read at once.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::read::ZipFileEntry;
use zip::result::ZipResult;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::error::DataError;

/// An open zip archive: its file and its directory of members. A member is decompressed into memory each time it is read.
pub struct Archive {
    path: PathBuf,
    contents: Positioned,
    directory: ZipArchive<Positioned>,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Archive").field(&self.path).finish()
    }
}

impl Archive {
    /// Opens a zip archive and reads its directory.
    ///
    /// # Errors
    /// When the file cannot be read, is not a zip archive, or is a truncated one.
    pub fn open(path: &Path) -> Result<Arc<Archive>, DataError> {
        let failed = |source| DataError::read(path, source);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let contents = Positioned { file: Arc::new(file), length, at: 0 };
        let directory = ZipArchive::new(contents.clone()).map_err(|refused| {
            let problem = format!("not a whole zip archive ({refused})");
            DataError::file(path, problem, "download it again, or name a folder")
        })?;
        Ok(Arc::new(Archive { path: path.to_path_buf(), contents, directory }))
    }

    /// Returns the path of the archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the archive has a member in `folder`, whose name must end in `/`.
    pub fn has_folder(&self, folder: &str) -> bool {
        self.directory.file_names_raw().any(|name| name.len() > folder.len() && name.starts_with(folder.as_bytes()))
    }

    /// Returns the member with this name, or `None`. The folders in the name are separated by `/`.
    pub fn member(self: &Arc<Self>, name: &str) -> Option<ArchiveMember> {
        let index = self.directory.index_for_name(name)?;
        Some(ArchiveMember { archive: Arc::clone(self), index })
    }
}

/// A member of an [`Archive`].
#[derive(Debug, Clone)]
pub struct ArchiveMember {
    archive: Arc<Archive>,
    index: usize,
}

/// Two members are equal if their archives were opened with the same path and they have the same position in the directory.
impl PartialEq for ArchiveMember {
    fn eq(&self, other: &ArchiveMember) -> bool {
        self.index == other.index && self.archive.path == other.archive.path
    }
}

impl ArchiveMember {
    /// Returns the path by which messages name this member: the archive's path followed by the member's name.
    pub fn label(&self) -> PathBuf {
        let name = self.entry().map_or_else(|_| String::new(), |entry| String::from_utf8_lossy(entry.name_raw()).into_owned());
        self.archive.path.join(name)
    }

    /// Returns the length in bytes of the decompressed content and its CRC-32. Both come from the archive's directory; the
    /// content is not read.
    pub fn length_and_checksum(&self) -> (u64, u32) {
        self.entry().map_or((0, 0), |entry| (entry.size(), entry.crc32()))
    }

    /// Checks that the member is stored in a form that can be read. The content itself is not read.
    ///
    /// # Errors
    /// When the member is encrypted, or compressed with a method other than deflate.
    pub fn check(&self) -> Result<(), DataError> {
        let problem = match self.entry() {
            Ok(entry) if entry.encrypted() => "is encrypted".to_owned(),
            Ok(entry) => match entry.compression() {
                CompressionMethod::Stored | CompressionMethod::Deflated => return Ok(()),
                other => format!("is compressed with {other}, but only stored and deflated members can be read"),
            },
            Err(refused) => refused.to_string(),
        };
        Err(DataError::file(&self.label(), problem, "unpack the archive and give the path of the folder"))
    }

    /// Reads and decompresses the content, but at most `longest` bytes of it. Any number of threads may read members of the same
    /// archive at once.
    ///
    /// # Errors
    /// When the archive cannot be read, or the member is damaged or fails its checksum.
    pub fn read(&self, longest: u64) -> io::Result<Vec<u8>> {
        let mut contents = self.archive.contents.clone();
        let mut bytes = Vec::new();
        self.entry()?.with_reader(&mut contents, ZipReadOptions::new())?.take(longest).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn entry(&self) -> ZipResult<ZipFileEntry<'_>> {
        self.archive.directory.by_index_data(self.index)
    }
}

/// A reader with a position of its own in a file that other readers use at the same time.
#[derive(Clone)]
struct Positioned {
    file: Arc<File>,
    length: u64,
    at: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.at.checked_add_signed(distance),
        };
        self.at =
            position.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the start of the file"))?;
        Ok(self.at)
    }
}

/// Builds zip archives for the tests of `data`.
#[cfg(test)]
pub(super) mod samples {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    /// Returns a zip archive of these members, given as names and contents. Every second member is deflated, the others are
    /// stored.
    pub fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (index, (name, content)) in members.iter().enumerate() {
            let method = [CompressionMethod::Stored, CompressionMethod::Deflated][index % 2];
            writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// Sets a 16-bit field of the last member's entry in the directory. `offset` is the field's position in bytes from the start
    /// of the entry.
    pub fn set_last_entry(archive: &mut [u8], offset: usize, value: u16) {
        let entry = archive.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
        archive[entry + offset..entry + offset + 2].copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{archive, set_last_entry};
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn opened(bytes: &[u8]) -> (tempfile::TempDir, Result<Arc<Archive>, DataError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.zip");
        fs::write(&path, bytes).unwrap();
        let archive = Archive::open(&path);
        (folder, archive)
    }

    #[test]
    fn members_are_read_by_many_threads_at_once() {
        let contents: Vec<(String, Vec<u8>)> =
            (0..40).map(|index| (format!("faces/{index}.jpg"), vec![index as u8; 1 + 997 * index])).collect();
        let members: Vec<(&str, &[u8])> = contents.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let (_folder, archive) = opened(&archive(&members));
        let archive = archive.unwrap();
        assert!(archive.has_folder("faces/") && !archive.has_folder("face/") && !archive.has_folder("faces/0.jpg"));
        assert!(archive.member("faces/40.jpg").is_none());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (name, content) in &contents {
                        let member = archive.member(name).unwrap();
                        member.check().unwrap();
                        assert_eq!(member.read(u64::MAX).unwrap(), *content);
                        assert_eq!(member.length_and_checksum().0, content.len() as u64);
                        assert!(member.label().ends_with(format!("faces.zip/{name}")));
                    }
                });
            }
        });
        assert_eq!(archive.member("faces/3.jpg").unwrap().read(10).unwrap(), [3; 10]);
        assert_ne!(
            archive.member("faces/3.jpg").unwrap().length_and_checksum().1,
            archive.member("faces/4.jpg").unwrap().length_and_checksum().1
        );
    }

    #[test]
    fn says_what_is_wrong_with_an_archive_or_a_member() {
        let whole = archive(&[("a.jpg", b"first"), ("b.jpg", b"second")]);
        for bytes in [&b""[..], b"not a zip at all", &whole[..whole.len() - 40], &whole[..20]] {
            let message = opened(bytes).1.unwrap_err().to_string();
            assert!(message.contains("faces.zip: not a whole zip archive") && message.contains("download it again"), "{message}");
        }
        // Offsets of the fields of a directory entry (APPNOTE 4.3.12): the flags, whose bit 0 means encryption, are at 8 and the
        // compression method is at 10.
        for (offset, value, expected) in [(8, 1, "b.jpg: is encrypted"), (10, 12, "b.jpg: is compressed with")] {
            let mut bytes = whole.clone();
            set_last_entry(&mut bytes, offset, value);
            let (_folder, archive) = opened(&bytes);
            let archive = archive.unwrap();
            archive.member("a.jpg").unwrap().check().unwrap();
            let message = archive.member("b.jpg").unwrap().check().unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("unpack the archive"), "{message}");
        }
        let mut damaged = whole.clone();
        let at = damaged.windows(5).position(|bytes| bytes == b"first").unwrap();
        damaged[at] ^= 1;
        let (_folder, archive) = opened(&damaged);
        let archive = archive.unwrap();
        assert!(archive.member("a.jpg").unwrap().read(u64::MAX).unwrap_err().to_string().contains("checksum"));
        assert_eq!(archive.member("b.jpg").unwrap().read(u64::MAX).unwrap(), b"second");
    }

    proptest! {
        #[test]
        fn damaged_archives_never_panic(at: prop::sample::Index, bytes in prop::collection::vec(any::<u8>(), 1..8)) {
            let mut content = archive(&[("a.jpg", &[7; 300]), ("b.jpg", &[8; 300])]);
            let at = at.index(content.len());
            let end = (at + bytes.len()).min(content.len());
            content[at..end].copy_from_slice(&bytes[..end - at]);
            let (_folder, archive) = opened(&content);
            if let Ok(archive) = archive {
                for name in ["a.jpg", "b.jpg"] {
                    if let Some(member) = archive.member(name) {
                        let _ = member.check();
                        let _ = member.read(1000);
                    }
                }
            }
        }
    }
}

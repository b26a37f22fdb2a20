//! Reads members of zip and tar archives without unpacking the archives. Several threads can read at once.

mod tar;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::read::ZipFileEntry;
use zip::result::ZipResult;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use self::tar::TarDirectory;
use super::content::{self, Content};
use super::error::DataError;
use super::source::{ImageSource, open_file};

/// An open archive: its file and its directory of members. A member of a zip archive is decompressed into memory each time it is
/// read.
pub struct Archive {
    path: PathBuf,
    contents: Positioned,
    directory: Directory,
}

/// The members of an archive.
enum Directory {
    Zip(Box<ZipArchive<Positioned>>),
    Tar(TarDirectory),
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Archive").field(&self.path).finish()
    }
}

impl Archive {
    /// Opens a zip or tar archive and reads its directory.
    ///
    /// # Errors
    /// When the file cannot be read, is not an archive, or is a truncated one.
    pub fn open(path: &Path) -> Result<Arc<Archive>, DataError> {
        let failed = |source| DataError::read(path, source);
        let mut file = open_file(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut start = Vec::new();
        file.by_ref().take(content::LENGTH as u64).read_to_end(&mut start).map_err(failed)?;
        let contents = Positioned { file: Arc::new(file), length, at: 0 };
        let remedy = "download it again, or name a folder";
        let directory = match content::recognise(path, &start) {
            Content::Tar => TarDirectory::read(contents.clone())
                .map(Directory::Tar)
                .map_err(|refused| DataError::file(path, format!("not a whole tar archive ({refused})"), remedy))?,
            Content::Compressed => {
                let problem = "a compressed file, which cannot be read in place";
                return Err(DataError::file(path, problem, "unpack it, and name the folder or the tar archive"));
            }
            _ => ZipArchive::new(contents.clone())
                .map(Box::new)
                .map(Directory::Zip)
                .map_err(|refused| DataError::file(path, format!("not a whole zip or tar archive ({refused})"), remedy))?,
        };
        Ok(Arc::new(Archive { path: path.to_path_buf(), contents, directory }))
    }

    /// Returns the path of the archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the archive has a member in `folder`, whose name must end in `/`.
    pub fn has_folder(&self, folder: &str) -> bool {
        let inside = |name: &[u8]| name.len() > folder.len() && name.starts_with(folder.as_bytes());
        match &self.directory {
            Directory::Zip(directory) => directory.file_names_raw().any(inside),
            Directory::Tar(directory) => directory.members().iter().any(|member| inside(&member.name)),
        }
    }

    /// Returns the member with this name, or `None`. The folders in the name are separated by `/`.
    pub fn member(self: &Arc<Self>, name: &str) -> Option<ArchiveMember> {
        let index = match &self.directory {
            Directory::Zip(directory) => {
                let raw = || directory.file_names_raw().position(|raw| raw == name.as_bytes());
                directory.index_for_name(name).or_else(raw)?
            }
            Directory::Tar(directory) => directory.index_of(name.as_bytes())?,
        };
        Some(ArchiveMember { archive: Arc::clone(self), index })
    }

    /// Returns all members that are files, sorted by the bytes of their names.
    pub fn files(self: &Arc<Self>) -> Vec<ArchiveMember> {
        let count = match &self.directory {
            Directory::Zip(directory) => directory.len(),
            Directory::Tar(directory) => directory.members().len(),
        };
        let member = |index| ArchiveMember { archive: Arc::clone(self), index };
        let mut files: Vec<(Vec<u8>, ArchiveMember)> =
            (0..count).map(member).map(|member| (member.name(), member)).filter(|(name, _)| !name.ends_with(b"/")).collect();
        files.sort_by(|left, right| left.0.cmp(&right.0));
        files.into_iter().map(|(_, member)| member).collect()
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
    /// Returns the bytes of the member's name.
    fn name(&self) -> Vec<u8> {
        match &self.archive.directory {
            Directory::Zip(directory) => {
                directory.by_index_data(self.index).map_or_else(|_| Vec::new(), |entry| entry.name_raw().to_vec())
            }
            Directory::Tar(directory) => directory.members()[self.index].name.clone(),
        }
    }

    /// Returns the path by which messages name this member: the archive's path followed by the member's name.
    pub fn label(&self) -> PathBuf {
        self.archive.path.join(path_of_bytes(self.name()))
    }

    /// Returns the path of the archive.
    pub fn archive_path(&self) -> &Path {
        &self.archive.path
    }

    /// Returns a text that changes when the member is replaced, without reading the content. For a member of a zip archive it is
    /// the length in bytes of the decompressed content and its CRC-32, which come from the directory. A tar archive has no
    /// checksums, so there it is `None`.
    pub fn recorded_version(&self) -> Option<String> {
        let Directory::Zip(directory) = &self.archive.directory else { return None };
        let (length, checksum) = directory.by_index_data(self.index).map_or((0, 0), |entry| (entry.size(), entry.crc32()));
        Some(format!("{length} {checksum:08x}"))
    }

    /// Checks that the member is stored in a form that can be read. The content itself is not read.
    ///
    /// # Errors
    /// When the member is encrypted, or compressed with a method other than deflate.
    pub fn check(&self) -> Result<(), DataError> {
        let Directory::Zip(directory) = &self.archive.directory else { return Ok(()) };
        let problem = match directory.by_index_data(self.index) {
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
        match &self.archive.directory {
            Directory::Zip(directory) => {
                let entry: ZipResult<ZipFileEntry> = directory.by_index_data(self.index);
                entry?.with_reader(&mut contents, ZipReadOptions::new())?.take(longest).read_to_end(&mut bytes)?;
            }
            Directory::Tar(directory) => {
                let member = &directory.members()[self.index];
                contents.at = member.at;
                contents.take(member.length.min(longest)).read_to_end(&mut bytes)?;
                if (bytes.len() as u64) < member.length.min(longest) {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends within the member"));
                }
            }
        }
        Ok(bytes)
    }
}

/// Archives that were opened to look for images, by their paths.
#[derive(Debug, Default)]
pub struct OpenArchives(HashMap<PathBuf, Option<Arc<Archive>>>);

impl OpenArchives {
    /// Returns the image at `path`, which is a file, or a member of an archive whose path is a part of `path`.
    pub fn locate(&mut self, path: &Path) -> Option<ImageSource> {
        if path.is_file() {
            return Some(ImageSource::File(path.to_path_buf()));
        }
        let file = path.ancestors().skip(1).find(|ancestor| ancestor.is_file())?;
        let archive = self.0.entry(file.to_path_buf()).or_insert_with(|| Archive::open(file).ok()).as_ref()?;
        let parts: Option<Vec<&str>> = path.strip_prefix(file).ok()?.iter().map(|part| part.to_str()).collect();
        archive.member(&parts?.join("/")).map(ImageSource::Member)
    }
}

/// Returns the path that is written as these bytes. On systems whose paths are no bytes, a name that is not UTF-8 is changed.
fn path_of_bytes(bytes: Vec<u8>) -> PathBuf {
    #[cfg(unix)]
    return PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes));
    #[cfg(not(unix))]
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
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
                        assert!(member.recorded_version().unwrap().starts_with(&format!("{} ", content.len())));
                        assert!(member.label().ends_with(format!("faces.zip/{name}")));
                    }
                });
            }
        });
        assert_eq!(archive.member("faces/3.jpg").unwrap().read(10).unwrap(), [3; 10]);
        assert_ne!(
            archive.member("faces/3.jpg").unwrap().recorded_version(),
            archive.member("faces/4.jpg").unwrap().recorded_version()
        );
    }

    #[test]
    fn says_what_is_wrong_with_an_archive_or_a_member() {
        let whole = archive(&[("a.jpg", b"first"), ("b.jpg", b"second")]);
        for bytes in [&b""[..], b"not a zip at all", &whole[..whole.len() - 40], &whole[..20]] {
            let message = opened(bytes).1.unwrap_err().to_string();
            assert!(
                message.contains("faces.zip: not a whole zip or tar archive") && message.contains("download it again"),
                "{message}"
            );
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
        let (folder, _) = opened(&whole);
        let path = folder.path().join("faces.zip");
        let mut archives = OpenArchives::default();
        assert!(
            matches!(archives.locate(&path.join("a.jpg")), Some(ImageSource::Member(member)) if member.label() == path.join("a.jpg"))
        );
        assert_eq!(archives.locate(&path), Some(ImageSource::File(path.clone())));
        assert_eq!((archives.locate(&path.join("c.jpg")), archives.locate(&folder.path().join("none"))), (None, None));

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

//! The directory of a tar archive. Tar archives have none, so the headers of all members are read when the archive is opened.

use std::collections::HashMap;
use std::io;

use tar::EntryType;

use super::Positioned;

/// A file in a tar archive.
pub(super) struct TarMember {
    /// The bytes of its name.
    pub name: Vec<u8>,
    /// Position of its content in the archive.
    pub at: u64,
    /// Length of its content in bytes.
    pub length: u64,
}

/// The files in a tar archive. Folders, links and special files are left out.
pub(super) struct TarDirectory {
    members: Vec<TarMember>,
    by_name: HashMap<Vec<u8>, usize>,
}

impl TarDirectory {
    /// Reads the headers of all members. Of several members with the same name the last one counts, as in unpacking.
    ///
    /// # Errors
    /// The archive cannot be read or is damaged.
    pub fn read(contents: Positioned) -> io::Result<TarDirectory> {
        let length = contents.length;
        let mut archive = tar::Archive::new(contents);
        let mut directory = TarDirectory { members: Vec::new(), by_name: HashMap::new() };
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous) {
                continue;
            }
            let name = entry.path_bytes();
            let name = name.strip_prefix(b"./").unwrap_or(&name).to_vec();
            let member = TarMember { name, at: entry.raw_file_position(), length: entry.size() };
            if member.at.checked_add(member.length).is_none_or(|end| end > length) {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a member"));
            }
            match directory.by_name.get(&member.name) {
                Some(&before) => directory.members[before] = member,
                None => {
                    directory.by_name.insert(member.name.clone(), directory.members.len());
                    directory.members.push(member);
                }
            }
        }
        Ok(directory)
    }

    /// Returns all files in the order of the archive.
    pub fn members(&self) -> &[TarMember] {
        &self.members
    }

    /// Returns the index of the file with this name.
    pub fn index_of(&self, name: &[u8]) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::data::archive::{Archive, ArchiveMember};

    fn written(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn members_of_a_tar_archive_are_read_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.tar");
        let long = "long/".repeat(40) + "c.jpg";
        let bytes = written(&[("b.jpg", &[7; 700]), ("a/a.jpg", b"first"), (&long, b"long name"), ("a/a.jpg", b"second")]);
        fs::write(&path, &bytes).unwrap();
        let archive = Archive::open(&path).unwrap();
        let labels: Vec<_> = archive.files().iter().map(ArchiveMember::label).collect();
        assert_eq!(labels, [path.join("a/a.jpg"), path.join("b.jpg"), path.join(&long)]);
        assert!(archive.has_folder("a/") && !archive.has_folder("b/"));
        let read = |name: &str, longest| archive.member(name).unwrap().read(longest).unwrap();
        assert_eq!(read("a/a.jpg", u64::MAX), b"second");
        assert_eq!(read("b.jpg", u64::MAX), [7; 700]);
        assert_eq!(read("b.jpg", 3), [7; 3]);
        assert_eq!(read(&long, 100), b"long name");
        assert!(archive.member("c.jpg").is_none());

        // The first 512 bytes are the header of b.jpg, which announces 700 bytes.
        for end in [600, 512, 300] {
            fs::write(&path, &bytes[..end]).unwrap();
            let message = Archive::open(&path).unwrap_err().to_string();
            assert!(message.contains("faces.tar: not a whole"), "{end}: {message}");
        }
        fs::write(&path, b"\x1f\x8b\x08 compressed").unwrap();
        let message = Archive::open(&path).unwrap_err().to_string();
        assert!(message.contains("compressed") && message.contains("unpack it"), "{message}");
    }
}

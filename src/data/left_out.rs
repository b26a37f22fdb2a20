//! Counts the files that were found but are not used, by reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Number of files that are named for each reason; the others are only counted.
const NAMED: usize = 3;

/// Why a file in a folder or an archive is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// Neither its content nor the ending of its name is that of a picture.
    NotAPicture,
    /// macOS keeps the attributes of another file in it; its name begins with `._`.
    AppleDouble,
    /// Its name begins with a dot, or it lies in such a folder.
    Hidden,
    /// It is an archive within a folder or within another archive.
    Archive,
    /// It is a named pipe, a socket or a device.
    Special,
    /// It is a link to a folder that is searched already, which would never end or count pictures twice.
    RepeatedFolder,
    /// It is a link to something that does not exist.
    DanglingLink,
    /// It is a folder or a file without the permission to read it, or with another fault.
    Unreadable,
}

impl Reason {
    /// Returns the reason as messages word it, to be followed by "left out".
    pub fn text(self) -> &'static str {
        match self {
            Reason::NotAPicture => "not pictures by their content",
            Reason::AppleDouble => "macOS attributes (._ files)",
            Reason::Hidden => "hidden (the name begins with a dot)",
            Reason::Archive => "archives (name an archive itself to use its pictures)",
            Reason::Special => "pipes, sockets or devices",
            Reason::RepeatedFolder => "links to folders that are searched already",
            Reason::DanglingLink => "links to nothing",
            Reason::Unreadable => "not readable",
        }
    }

    /// Returns the name of the reason in JSON.
    pub fn key(self) -> &'static str {
        match self {
            Reason::NotAPicture => "not_a_picture",
            Reason::AppleDouble => "macos_attributes",
            Reason::Hidden => "hidden",
            Reason::Archive => "archive",
            Reason::Special => "special_file",
            Reason::RepeatedFolder => "repeated_folder",
            Reason::DanglingLink => "dangling_link",
            Reason::Unreadable => "unreadable",
        }
    }
}

/// The files that are not used, counted by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut(BTreeMap<Reason, (usize, Vec<PathBuf>)>);

impl LeftOut {
    pub(super) fn add(&mut self, reason: Reason, path: &Path) {
        let (count, named) = self.0.entry(reason).or_default();
        *count += 1;
        if named.len() < NAMED {
            named.push(path.to_path_buf());
        }
    }

    /// Returns whether every file is used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the reasons with the numbers of files.
    pub fn counts(&self) -> impl Iterator<Item = (Reason, usize)> {
        self.0.iter().map(|(reason, (count, _))| (*reason, *count))
    }

    /// Returns a sentence for each reason, which names the first files.
    pub fn sentences(&self) -> Vec<String> {
        let sentence = |(reason, (count, named)): (&Reason, &(usize, Vec<PathBuf>))| {
            let names: Vec<String> = named.iter().map(|path| path.display().to_string()).collect();
            let more = if *count > named.len() { ", …" } else { "" };
            let files = if *count == 1 { "file" } else { "files" };
            format!("left out {count} {files}, {}: {}{more}", reason.text(), names.join(", "))
        };
        self.0.iter().map(sentence).collect()
    }
}

/// A map from the [keys](Reason::key) of the reasons to numbers of files.
impl serde::Serialize for LeftOut {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.counts().map(|(reason, count)| (reason.key(), count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_and_the_first_are_named() {
        let mut left_out = LeftOut::default();
        assert!(left_out.is_empty());
        for name in ["a.txt", "b.txt", "c.txt", "d.txt"] {
            left_out.add(Reason::NotAPicture, Path::new(name));
        }
        left_out.add(Reason::Special, Path::new("pipe"));
        assert_eq!(left_out.counts().collect::<Vec<_>>(), [(Reason::NotAPicture, 4), (Reason::Special, 1)]);
        let sentences = left_out.sentences();
        assert_eq!(sentences[0], "left out 4 files, not pictures by their content: a.txt, b.txt, c.txt, …");
        assert_eq!(sentences[1], "left out 1 file, pipes, sockets or devices: pipe");
    }
}

//! The marks of rows of features: from which version of an image each row was computed, and a checksum of the row.
//!
//! The file `features.marks` has a mark for each row of `features.f32`, in the same order. So an image that was replaced, and a
//! row that was damaged on the disk, are noticed, and only these rows are computed again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// File in the run folder with the marks.
pub const MARKS_FILE: &str = "features.marks";
/// Number of bytes of the hash of a version in a mark.
const VERSION: usize = 16;
/// Number of bytes of a mark: the hash of the version, and the CRC-32 of the row.
const MARK: usize = VERSION + 4;

/// The marks of the rows in a run folder, opened for appending.
#[derive(Debug)]
pub(super) struct RowMarks {
    file: File,
    marks: Vec<[u8; MARK]>,
}

impl RowMarks {
    /// Opens the marks at `path`, or creates an empty file.
    pub fn open(path: &Path) -> io::Result<RowMarks> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(RowMarks { file, marks: bytes.as_chunks::<MARK>().0.to_vec() })
    }

    /// Returns the number of marks.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Removes the marks from the given one on.
    pub fn truncate(&mut self, rows: usize) -> io::Result<()> {
        self.marks.truncate(rows);
        self.file.set_len((MARK * self.marks.len()) as u64)
    }

    /// Writes the marks of rows from `first` on, whose bytes are `rows`. They are on disk when this returns.
    pub fn write<'r>(&mut self, first: usize, versions: &[String], rows: impl Iterator<Item = &'r [u8]>) -> io::Result<()> {
        let marks: Vec<[u8; MARK]> = versions.iter().zip(rows).map(|(version, row)| mark(version, row)).collect();
        self.file.seek(SeekFrom::Start((MARK * first) as u64))?;
        self.file.write_all(marks.as_flattened())?;
        self.file.sync_data()?;
        for (row, mark) in (first..).zip(marks) {
            if row < self.marks.len() {
                self.marks[row] = mark;
            } else {
                self.marks.push(mark);
            }
        }
        Ok(())
    }

    /// Returns whether a row was computed from this version of its image.
    pub fn is_of(&self, row: usize, version: &str) -> bool {
        self.marks.get(row).is_some_and(|mark| mark[..VERSION] == hash(version))
    }

    /// Returns whether the bytes of a row are those that were marked.
    pub fn is_whole(&self, row: usize, bytes: &[u8]) -> bool {
        self.marks.get(row).is_some_and(|mark| mark[VERSION..] == crc32fast::hash(bytes).to_le_bytes())
    }
}

fn hash(version: &str) -> [u8; VERSION] {
    let digest = Sha256::digest(version.as_bytes());
    std::array::from_fn(|at| digest[at])
}

fn mark(version: &str, row: &[u8]) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark[..VERSION].copy_from_slice(&hash(version));
    mark[VERSION..].copy_from_slice(&crc32fast::hash(row).to_le_bytes());
    mark
}

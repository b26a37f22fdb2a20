//! What can be wrong with the lists, tables and folders a user brings.

use std::io;
use std::path::{Path, PathBuf};

/// An error in a list, a table, a folder or an output path. Decoding has its own, [`super::DecodeError`].
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused to open or read `path`.
    #[error("{path}: cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The operating system refused to create, fill or rename the file that was to become `path`. Nothing is left of it.
    #[error("{path}: cannot be written: {source}; {remedy}", path = path.display())]
    Write { path: PathBuf, source: io::Error, remedy: &'static str },
    /// One line of a list is wrong. `line` counts from 1, the header included, as an editor shows it.
    #[error("{path}, line {line}: {problem}; {remedy}", path = path.display())]
    Line { path: PathBuf, line: usize, problem: String, remedy: String },
    /// A file or folder as a whole is wrong.
    #[error("{path}: {problem}; {remedy}", path = path.display())]
    File { path: PathBuf, problem: String, remedy: String },
    /// An attribute name that is not among those known.
    #[error("unknown attribute '{name}'; {suggestion}")]
    UnknownAttribute { name: String, suggestion: String },
    /// A table that cannot be written because reading it back would fail.
    #[error("the attribute table is inconsistent: {0}")]
    Table(String),
}

impl DataError {
    pub(crate) fn line(path: &Path, line: usize, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Line { path: path.to_path_buf(), line, problem: problem.into(), remedy: remedy.into() }
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.into(), remedy: remedy.into() }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_path_buf(), source }
    }
}

//! Errors in the user's lists, tables, folders and output paths.

use std::io;
use std::path::{Path, PathBuf};

/// An error in a list, a table, a folder or an output path. An image that cannot be decoded has an error type of its own,
/// [`super::DecodeError`].
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system refused to open or read `path`.
    #[error("{path}: cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    /// Creating or writing `path` failed. `remedy` tells the user what to do.
    #[error("{path}: cannot be written: {source}; {remedy}", path = path.display())]
    Write { path: PathBuf, source: io::Error, remedy: &'static str },
    /// One line of a list is wrong. `line` is the number that an editor shows: it counts from 1 and includes the header.
    #[error("{path}, line {line}: {problem}; {remedy}", path = path.display())]
    Line { path: PathBuf, line: usize, problem: String, remedy: String },
    /// Something is wrong with a file or folder that no single line is to blame for.
    #[error("{path}: {problem}; {remedy}", path = path.display())]
    File { path: PathBuf, problem: String, remedy: String },
    /// The attribute `name` does not exist. `suggestion` names the most similar attribute, or all of them.
    #[error("unknown attribute '{name}'; {suggestion}")]
    UnknownAttribute { name: String, suggestion: String },
    /// An attribute is named twice where each counts once, perhaps by itself and as a member of a set.
    #[error("the attribute '{name}' is named twice; name it once")]
    RepeatedAttribute { name: String },
    /// A table was not written because it could not be read back: a name is repeated, or a value is not finite, for example.
    #[error("the attribute table is inconsistent: {0}")]
    Table(String),
}

impl DataError {
    /// Returns the error for line `line` of the list at `path`, counted from 1.
    pub(crate) fn line(path: &Path, line: usize, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Line { path: path.to_path_buf(), line, problem: problem.into(), remedy: remedy.into() }
    }

    /// Returns the error for the file or folder at `path` as a whole.
    pub(crate) fn file(path: &Path, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.into(), remedy: remedy.into() }
    }

    /// Returns the error for a `path` that the operating system refused to open or read.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_path_buf(), source }
    }

    /// Returns the error for a second row of the same image. `first` is the line of its first row.
    pub(super) fn repeated_image(path: &Path, line: usize, image: &str, first: usize) -> Self {
        Self::line(path, line, format!("{image} appears twice, first in line {first}"), "keep one of the two rows")
    }

    /// Returns the error for an image name that leads out of the image folder, such as `../a.jpg`.
    pub(super) fn outside_folder(path: &Path, line: usize, image: &str) -> Self {
        let problem = format!("the image name '{image}' leads out of the image folder");
        Self::line(path, line, problem, "write the name of a file in that folder")
    }

    /// Returns the error for a table whose header, its first line, has no column for an attribute.
    pub(super) fn no_attribute(path: &Path) -> Self {
        Self::line(path, 1, "no column names an attribute", "add a column for each attribute")
    }
}

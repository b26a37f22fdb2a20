//! What can be wrong with a weights file.

use std::io;
use std::path::{Path, PathBuf};

use crate::data::DataError;

/// An error in a weights file. Every message names the file, and the tensor or header key if one is at fault.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The operating system refused to open or read it.
    #[error("{path}: cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    /// No file of this name lies in any place where weights are looked for.
    #[error("{name}: not found; looked for {}; {remedy}", listed(tried))]
    NotFound { name: String, tried: Vec<PathBuf>, remedy: &'static str },
    /// It is no safetensors file, or a damaged one.
    #[error("{path}: not a valid safetensors file: {problem}; fetch or export it again", path = path.display())]
    Format { path: PathBuf, problem: String },
    /// It has no tensor of this name.
    #[error("{path}: the tensor '{name}' is missing; {remedy}", path = path.display())]
    Missing { path: PathBuf, name: String, remedy: String },
    /// A tensor is stored in a type that is not read as weights.
    #[error("{path}: the tensor '{name}' is {found} where F32 or F16 is wanted; convert it", path = path.display())]
    Dtype { path: PathBuf, name: String, found: String },
    /// A tensor has another shape.
    #[error("{path}: the tensor '{name}' is {found:?} where {expected:?} is wanted; \
        this is another model's file or another layout",
        path = path.display())]
    Shape { path: PathBuf, name: String, expected: Vec<usize>, found: Vec<usize> },
    /// A weight is NaN or infinite.
    #[error("{path}: the tensor '{name}' holds {value} at {index:?}; such weights cannot be used", path = path.display())]
    NotFinite { path: PathBuf, name: String, value: f32, index: Vec<usize> },
    /// Several tensors do not fit the model, or none does.
    #[error("{path}: {problem}: {first}{more}; {remedy}", path = path.display(),
        more = if *left_out > 0 { format!("; and {left_out} more") } else { String::new() })]
    Unfit { path: PathBuf, problem: String, first: String, left_out: usize, remedy: &'static str },
    /// The header does not say under which convention the weights were trained, or says something unknown.
    #[error("{path}: the header's '{key}' is {found} where {accepted} is wanted; \
        a wrong convention costs accuracy without a sign, so none is assumed", path = path.display())]
    Convention { path: PathBuf, key: &'static str, found: String, accepted: &'static str },
    /// The tensors to be written contradict themselves.
    #[error("{path}: nothing was written: {problem}", path = path.display())]
    Unwritable { path: PathBuf, problem: String },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] DataError),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl WeightsError {
    pub(super) fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format { path: path.to_path_buf(), problem: problem.into() }
    }
}

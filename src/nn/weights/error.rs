//! What can be wrong with a weights file.

use std::io;
use std::path::{Path, PathBuf};

use crate::data::DataError;

/// An error in a weights file. Every message names the file, and the tensor or header key if one is at fault.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The operating system refused to open or read it.
    #[error("{path}: cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No file of this name lies in any place where weights are looked for.
    #[error("{name}: not found; looked for {}; {remedy}", listed(tried))]
    NotFound {
        /// Name of the file.
        name: String,
        /// The places tried, in order.
        tried: Vec<PathBuf>,
        /// What to do.
        remedy: &'static str,
    },
    /// It is no safetensors file, or a damaged one.
    #[error("{path}: not a valid safetensors file: {problem}; fetch or export it again", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It has no tensor of this name.
    #[error("{path}: the tensor '{name}' is missing; {remedy}", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// What to do.
        remedy: String,
    },
    /// A tensor is stored in a type that is not read as weights.
    #[error("{path}: the tensor '{name}' is {found} where F32 or F16 is wanted; convert it", path = path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// What the file has.
        found: String,
    },
    /// A tensor has another shape.
    #[error("{path}: the tensor '{name}' is {found:?} where {expected:?} is wanted; \
        this is another model's file or another layout",
        path = path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// What the model needs.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A weight is NaN or infinite.
    #[error("{path}: the tensor '{name}' holds {value} at {index:?}; such weights cannot be used", path = path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// The value.
        value: f32,
        /// Its position in the tensor.
        index: Vec<usize>,
    },
    /// Several tensors do not fit the model, or none does.
    #[error("{path}: {problem}: {first}{more}; {remedy}", path = path.display(),
        more = if *left_out > 0 { format!("; and {left_out} more") } else { String::new() })]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// The first faults.
        first: String,
        /// Number of faults that are not listed.
        left_out: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// The header does not say under which convention the weights were trained, or says something unknown.
    #[error("{path}: the header's '{key}' is {found} where {accepted} is wanted; \
        a wrong convention costs accuracy without a sign, so none is assumed", path = path.display())]
    Convention {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What the file has.
        found: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// The tensors to be written contradict themselves.
    #[error("{path}: nothing was written: {problem}", path = path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
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

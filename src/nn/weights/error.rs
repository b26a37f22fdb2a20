//! Errors about weights files.

use std::io;
use std::path::{Path, PathBuf};

use super::format::ForeignFormat;
use crate::data::DataError;

/// Why a weights file cannot be found, read or written. Every message names the file and, if applicable, the tensor or key.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The operating system could not open or read the file.
    #[error("{path}: cannot be read: {source}; check the path and its permissions", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// None of the folders that are searched for weights has a file of this name.
    #[error("{name}: not found; looked for {}; {remedy}", listed(tried))]
    NotFound {
        /// The file's name.
        name: String,
        /// The paths tried, in order.
        tried: Vec<PathBuf>,
        /// The remedy.
        remedy: &'static str,
    },
    /// The file is not a safetensors file, or it is damaged.
    #[error("{path}: not a valid safetensors file: {problem}; fetch or export it again", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The file is a weights file of another program.
    #[error("{path}: is {} where a safetensors file is wanted; {}", format.name(), format.remedy(path), path = path.display())]
    ForeignFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: ForeignFormat,
    },
    /// The tensors have the names that another program gives them, or a prefix before their names.
    #[error("{path}: its tensors have {names}; `lineament convert {path} --out FILE.safetensors` renames them",
        path = path.display())]
    ForeignNames {
        /// The file.
        path: PathBuf,
        /// A description of the names, such as "timm's names".
        names: String,
    },
    /// The file lacks a tensor.
    #[error("{path}: the tensor '{name}' is missing; {remedy}", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// The remedy.
        remedy: String,
    },
    /// A tensor has a type that is not supported for weights.
    #[error("{path}: the tensor '{name}' is {found} where F32, F16, BF16 or F64 is wanted; convert it to F32", path = path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// What the file has.
        found: String,
    },
    /// A tensor has another shape than the model needs.
    #[error("{path}: the tensor '{name}' is {found:?} where {expected:?} is wanted; \
        the file holds another model or another layout; name a weights file of this model",
        path = path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// The shape that the model needs.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A weight is NaN or infinite.
    #[error("{path}: the tensor '{name}' holds {value} at {index:?}; train or export the model again", path = path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// The value.
        value: f32,
        /// Its index in each dimension of the tensor.
        index: Vec<usize>,
    },
    /// The tensors do not fit the model.
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
        /// The remedy.
        remedy: &'static str,
    },
    /// The header lacks keys of the convention under which the weights were trained, or they have unknown values.
    #[error("{path}: the header's {}; a wrong convention silently costs accuracy, so there is no default; \
        `lineament convert {path} --out FILE.safetensors` adds keys to the header", faults.join(", and "), path = path.display())]
    Convention {
        /// The file.
        path: PathBuf,
        /// For each faulty key, its name, what was found, and what is accepted.
        faults: Vec<String>,
    },
    /// The tensors to be written are invalid.
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

/// Joins paths with commas.
fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl WeightsError {
    pub(super) fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format { path: path.to_path_buf(), problem: problem.into() }
    }
}

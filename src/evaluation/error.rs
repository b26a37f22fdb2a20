//! Errors of evaluating predictions, and of reading the files that hold an evaluation.

use std::path::PathBuf;

/// The reason why predictions could not be evaluated, or why a result file was refused.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// Some attributes have labels, but the model does not predict them.
    #[error(
        "{missing} of the {labelled} labelled attributes are not predicted by the model: {names}; it predicts {predicted}; \
         choose some of these with --attributes"
    )]
    NotPredicted {
        /// The number of labelled attributes that the model does not predict.
        missing: usize,
        /// The number of labelled attributes.
        labelled: usize,
        /// The names of the attributes that the model does not predict.
        names: String,
        /// The names of the attributes that the model predicts.
        predicted: String,
    },
    /// A result file is missing or cannot be read.
    #[error(transparent)]
    Read(#[from] crate::data::DataError),
    /// A result file is not JSON, or not JSON of the expected form.
    #[error("{}: not an evaluation: {source}; create it again with `{command}`", path.display())]
    Parse {
        /// The path of the file.
        path: PathBuf,
        /// The command that creates such a file.
        command: &'static str,
        /// The fault, with its line and column.
        source: serde_json::Error,
    },
    /// The fields of a result file contradict each other.
    #[error("{}: {problem}; create it again with `{command}`", path.display())]
    Inconsistent {
        /// The path of the file.
        path: PathBuf,
        /// The command that creates such a file.
        command: &'static str,
        /// The field, the value expected and the value found.
        problem: String,
    },
}

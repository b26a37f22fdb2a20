//! What can go wrong with labels, predictions and their metrics.

use std::path::PathBuf;

/// Why predictions were not evaluated, or a result was refused.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// Attributes have labels, but the model does not predict them.
    #[error(
        "{missing} of the {labelled} labelled attributes are not predicted by the model: {names}; it predicts {predicted}; choose \
         among these with --attributes"
    )]
    NotPredicted {
        /// How many.
        missing: usize,
        /// Of how many.
        labelled: usize,
        /// Their names.
        names: String,
        /// What the model predicts.
        predicted: String,
    },
    /// `metrics.json` or `loss_issue.json` is missing or unreadable.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It is not JSON of the expected form.
    #[error("{}: not an evaluation: {source}; make it again with `{command}`", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The command that makes it.
        command: &'static str,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// Its fields contradict each other.
    #[error("{}: {problem}; make it again with `{command}`", path.display())]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// The command that makes it.
        command: &'static str,
        /// The field, what was expected and what was found.
        problem: String,
    },
}

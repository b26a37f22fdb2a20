//! Errors of evaluating predictions, and of reading the files that hold an evaluation.

use crate::data::DataError;

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
    /// A result file cannot be read, is not JSON of the expected form, or contradicts itself.
    #[error(transparent)]
    Read(#[from] DataError),
}

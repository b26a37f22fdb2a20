//! The errors of reading a run folder and writing its report.

use std::path::PathBuf;

use crate::cluster::{ClusterError, ClusterResultError};
use crate::data::DataError;
use crate::evaluation::EvaluationError;

/// The reason why a run folder could not be read or a report could not be written.
///
/// An image that cannot be read is not an error: the report shows a box in its place and lists it at the end.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run folder does not exist or is not a folder.
    #[error("{}: no such run folder; create one with `lineament predict IMAGES… --run RUN`", path.display())]
    NoRun {
        /// Path of the folder.
        path: PathBuf,
    },
    /// A file that the report needs is missing.
    #[error("{}: missing; create it with `{command}`", path.display())]
    Missing {
        /// Path of the file.
        path: PathBuf,
        /// The command that creates the file.
        command: &'static str,
    },
    /// `clusters.json`, `clusters_weighted.json` or `comparison.json` is unreadable or contradicts itself.
    #[error(transparent)]
    Clusters(#[from] ClusterResultError),
    /// `metrics.json`, `loss_issue.json` or `reproduction.json` is unreadable or contradicts itself.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The parts of the input do not come from the same run.
    #[error("{problem}")]
    Mismatch {
        /// Names the part, the expected value, the value found, and the remedy.
        problem: String,
    },
    /// `attributes.csv`, `history.csv` or `config.json` cannot be read, or the report cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A picture of the report could not be encoded as JPEG.
    #[error("a picture of {width} × {height} pixels cannot be encoded: {source}")]
    Encode {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Error of the encoder.
        source: image::ImageError,
    },
    /// The GPU could not compute the principal components of a cluster's faces.
    #[error("the principal components of a cluster's faces cannot be computed: {0}")]
    Components(#[from] ClusterError),
    /// The template of the page could not be rendered. This is a defect of Lineament.
    #[error("the template of the report cannot be rendered: {0}; please report this as a defect of Lineament")]
    Template(#[from] minijinja::Error),
}

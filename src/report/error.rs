//! What can go wrong between a run folder and its report.

use std::path::PathBuf;

use crate::cluster::{ClusterError, ClusterResultError};
use crate::data::DataError;
use crate::evaluation::EvaluationError;

/// Why no report was written. An image that cannot be read is not an error: the report shows and lists it.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run folder does not exist or is not a folder.
    #[error("{}: no such run folder; `lineament reproduce --out RUN` or `lineament train --out RUN` makes one", path.display())]
    NoRun {
        /// The folder asked for.
        path: PathBuf,
    },
    /// A file that the report is made from is missing.
    #[error("{}: missing; make it with `{command}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The command that makes it.
        command: &'static str,
    },
    /// A file is there but the operating system does not give it out.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `history.csv` has a bad row.
    #[error("{}, line {line}: {problem}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Line in the file, counted from 1.
        line: u64,
        /// What was expected, what was found and what to do.
        problem: String,
    },
    /// `config.json` is not a JSON object.
    #[error("{}: expected a JSON object: {problem}; correct it or remove it", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// `comparison.json` is not a comparison.
    #[error("{}: not a comparison: {problem}; make it again with `lineament compare`", path.display())]
    Comparison {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        problem: String,
    },
    /// `clusters.json` is unreadable or contradicts itself.
    #[error(transparent)]
    Clusters(#[from] ClusterResultError),
    /// `metrics.json` is unreadable or contradicts itself.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The parts of the input do not belong together.
    #[error("{problem}")]
    Mismatch {
        /// What was expected, what was found and what to do.
        problem: String,
    },
    /// `attributes.csv` cannot be read, or the report cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A picture of the report could not be encoded as JPEG.
    #[error("a picture of {width} × {height} pixels cannot be encoded: {source}")]
    Encode {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What the encoder said.
        source: image::ImageError,
    },
    /// The adapter could not compute the principal components of a cluster's faces.
    #[error("the components of a cluster's faces: {0}")]
    Components(#[from] ClusterError),
    /// The page's template failed: a defect of this program.
    #[error("the report's template failed: {0}; please report this as a defect of Lineament")]
    Template(#[from] minijinja::Error),
}

//! The errors of the use cases.

use std::io;
use std::path::PathBuf;

use super::measure::BenchError;
use super::train::{ExtractError, TrainError};
use super::tune::StoreError;
use crate::cluster::{ClusterError, ClusterResultError};
use crate::data::{DataError, UnreadableImage};
use crate::device::DeviceError;
use crate::evaluation::EvaluationError;
use crate::nn::ModelError;
use crate::nn::convert::ConvertError;
use crate::nn::weights::WeightsError;
use crate::report::ReportError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options contradict each other or make no sense.
    #[error("{0}")]
    Misuse(String),
    /// The model has no head that predicts attributes.
    #[error("{}: predicts no attributes; train a head with `lineament train`", path.display())]
    NoAttributes {
        /// The model's file.
        path: PathBuf,
    },
    /// The model has no ImageNet classifier.
    #[error("{}: has no ImageNet classifier; use weights/mobilenet_v2_imagenet.safetensors", path.display())]
    NoClassifier {
        /// The model's file.
        path: PathBuf,
    },
    /// No image could be decoded.
    #[error("none of the images could be used; nothing was written")]
    NoImages,
    /// Faces were looked for, and none was found in any image.
    #[error("no face was found in any of the {images} images; nothing was written")]
    NoFaces {
        /// Number of images that were given.
        images: usize,
    },
    /// A folder that is to be filled holds files already.
    #[error("{}: holds files already; name a folder that is empty or does not exist", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A required image cannot be used.
    #[error("{0}")]
    Image(String),
    /// The model was not read from a file, so its backbone cannot be read again.
    #[error("the model was not read from a file; open it with Model::open")]
    NoFile,
    /// The size is 0 or not a multiple of 32.
    #[error("--size {size}: choose a positive multiple of 32, because the network halves the size five times")]
    Size {
        /// The requested height and width.
        size: u32,
    },
    /// CelebA has no labels for the attributes that the model predicts.
    #[error("CelebA has labels for none of the model's attributes: {predicted}; choose another model")]
    NotLabelled {
        /// The model's attributes.
        predicted: String,
    },
    /// The data contain no images of the partition.
    #[error("{}: has no {wanted} images; it has {held}: name one with --partition", path.display())]
    NoPartition {
        /// The path of the data.
        path: PathBuf,
        /// The requested partition.
        wanted: &'static str,
        /// The partitions that the data contain.
        held: String,
    },
    /// Another process is training in the folder.
    #[error("{}: another process is training in this folder; wait for it, or choose another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder cannot be created.
    #[error("{}: {source}; choose a folder that can be written", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}; choose a folder that exists and can be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A folder was named instead of a file.
    #[error("{}: is a folder; name a file in it", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file of a run folder cannot be read or moved.
    #[error("{}: {source}; check the path and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A reproduction has no trained model yet.
    #[error("{}: missing; train it with --only train, or name a model with --model", path.display())]
    NotTrained {
        /// The path where the model is expected.
        path: PathBuf,
    },
    /// The work was cancelled.
    #[error("stopped while {doing}; nothing was written")]
    Cancelled {
        /// What was interrupted.
        doing: &'static str,
    },
    /// Training was cancelled while the images were being checked.
    #[error("stopped while checking the images; nothing was trained yet")]
    CancelledBeforeTraining,
    /// A reproduction was cancelled between two steps.
    #[error("stopped after {step} with {left} steps left; run the same command again to continue")]
    CancelledAfterStep {
        /// The last step that was completed.
        step: &'static str,
        /// Number of steps that are left.
        left: usize,
    },
    /// A result cannot be converted to JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A result cannot be converted to CSV, or cannot be written to standard output. The cause is kept as the source, so that a
    /// caller can recognise a closed pipe.
    #[error("a result cannot be written: {0}")]
    Output(#[from] io::Error),
    /// The device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model cannot be read or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A weights file of another program cannot be converted.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// A weights file cannot be found or used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A table, a label list or another file cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An image cannot be decoded, and unreadable images are not left out.
    #[error(transparent)]
    Unreadable(#[from] UnreadableImage),
    /// The features of the images cannot be computed.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The training ended early or could not start.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The rows cannot be clustered.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A clustering that was written earlier cannot be read.
    #[error(transparent)]
    ClusterResult(#[from] ClusterResultError),
    /// The predictions cannot be evaluated.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The autotuner's winners cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task cannot be timed.
    #[error(transparent)]
    Bench(#[from] BenchError),
}

impl Error {
    /// Returns whether the user must change the request: an option, the model or the list of images. Such an error does not
    /// depend on the machine.
    pub fn is_misuse(&self) -> bool {
        matches!(self, Error::Misuse(_) | Error::NoAttributes { .. } | Error::NoClassifier { .. } | Error::Size { .. })
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_closed_pipe_can_be_recognised() {
        let error = Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::BrokenPipe));
    }
}

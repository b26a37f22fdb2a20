//! What can go wrong in a use case.

use std::io;
use std::path::PathBuf;

use super::measure::BenchError;
use super::train::{ExtractError, FeatureError, TrainError};
use super::tune::StoreError;
use crate::cluster::{ClusterError, ClusterResultError};
use crate::data::{DataError, DecodeError, UnreadableImage};
use crate::device::DeviceError;
use crate::evaluation::EvaluationError;
use crate::nn::ModelError;
use crate::nn::weights::WeightsError;
use crate::report::ReportError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options contradict each other or cannot be meant.
    #[error("{0}")]
    Misuse(String),
    /// The model has no head for attributes.
    #[error("{}: predicts no attributes; train a head with `lineament train`", path.display())]
    NoAttributes {
        /// The model's file.
        path: PathBuf,
    },
    /// The model has no ImageNet classifier.
    #[error("{}: holds no ImageNet classifier; use weights/mobilenet_v2_imagenet.safetensors", path.display())]
    NoClassifier {
        /// The model's file.
        path: PathBuf,
    },
    /// No image could be decoded.
    #[error("none of the images could be used; nothing was written")]
    NoImages,
    /// An image that is needed cannot be used.
    #[error("{0}")]
    Image(String),
    /// The model was not read from a file, so its backbone cannot be read again.
    #[error("the model was read from no file; open one with Model::open")]
    NoFile,
    /// A size that the network cannot divide.
    #[error("--size {size}: is no multiple of 32, by which the network divides it")]
    Size {
        /// Height and width asked for.
        size: u32,
    },
    /// CelebA has no labels for what the model predicts.
    #[error("CelebA labels none of what the model predicts: {predicted}; choose another model")]
    NotLabelled {
        /// The model's attributes.
        predicted: String,
    },
    /// The data hold no images of the partition.
    #[error("{}: holds no {wanted} images; it holds {held}: name one with --partition", path.display())]
    NoPartition {
        /// The data.
        path: PathBuf,
        /// The partition asked for.
        wanted: &'static str,
        /// The partitions that the data hold.
        held: String,
    },
    /// A run folder cannot be made.
    #[error("{}: {source}; choose a folder that can be written", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}; choose a folder that exists and can be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder was named where a file is wanted.
    #[error("{}: is a folder; name a file in it", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A file of a run folder cannot be read or moved.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A JSON file of a run folder is damaged.
    #[error("{}: {source}; {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A reproduction has no model yet.
    #[error("{}: missing; train it with --only train, or name a model with --model", path.display())]
    NotTrained {
        /// Where it would be.
        path: PathBuf,
    },
    /// The work was cancelled.
    #[error("stopped while {doing}; nothing was written")]
    Cancelled {
        /// What was being done.
        doing: &'static str,
    },
    /// The images were being looked at when training was cancelled.
    #[error("stopped while looking at the images; nothing was trained yet")]
    CancelledBeforeTraining,
    /// A reproduction was cancelled between two steps.
    #[error("stopped after {step}, {left} steps before the end; the same command goes on")]
    CancelledAfterStep {
        /// The last step that was done.
        step: &'static str,
        /// Number of steps that are left.
        left: usize,
    },
    /// A result cannot be turned into JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A result cannot be turned into CSV.
    #[error(transparent)]
    Csv(#[from] io::Error),
    /// The device reports something.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model cannot be read or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A weights file cannot be found or used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A table, a label list or another file cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An image cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// An image cannot be decoded, and is not to be left out.
    #[error(transparent)]
    Unreadable(#[from] UnreadableImage),
    /// The features of the images cannot be computed.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The features of the images cannot be used.
    #[error(transparent)]
    Features(#[from] FeatureError),
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
    /// Returns whether the request itself is wrong, so that no other machine or data could serve it.
    pub fn is_misuse(&self) -> bool {
        matches!(self, Error::Misuse(_) | Error::NoAttributes { .. } | Error::NoClassifier { .. } | Error::NoImages)
    }
}

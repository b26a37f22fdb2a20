//! What can go wrong in training.

use std::path::PathBuf;

use crate::data::{DataError, DecodeError};
use crate::device::DeviceError;
use crate::nn::ModelError;
use crate::nn::weights::WeightsError;

/// Why a training run ended early or could not start.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The device reports something.
    #[error(transparent)]
    Gpu(#[from] DeviceError),
    /// The network cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An image of the data cannot be decoded.
    #[error("{0}; repair it, take it out of the label list, or give --skip-unreadable")]
    Image(#[from] DecodeError),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The history cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// What was given to train on or with makes no sense.
    #[error("cannot train: {problem}; {remedy}")]
    Input {
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The folder holds an earlier run.
    #[error("{}: is the checkpoint of an earlier run; continue it with --resume or choose another folder", path.display())]
    EarlierRun {
        /// Its checkpoint.
        path: PathBuf,
    },
    /// The checkpoint belongs to a run with other settings or data.
    #[error("{}: was trained with {what} {saved}, but now it is {wanted}; use the same, or choose another folder", path.display())]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// Which setting.
        what: &'static str,
        /// Its value in the checkpoint.
        saved: String,
        /// Its value now.
        wanted: String,
    },
    /// The checkpoint's metadata is not that of a checkpoint.
    #[error("{}: the header's '{key}' {problem}; the file is damaged or no checkpoint, delete it to start again", path.display())]
    Metadata {
        /// The checkpoint.
        path: PathBuf,
        /// The header's key.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The loss is NaN or infinite.
    #[error("the loss of epoch {epoch}, step {step} is {loss}{}; lower the learning rate; {}",
        tensor.as_ref().map_or(String::new(), |tensor| format!(", and {tensor} is the first that is not finite")),
        saved.as_ref().map_or("no checkpoint was kept".to_string(), |path| format!("the last good checkpoint is {}", path.display())))]
    NotFinite {
        /// From 1.
        epoch: u32,
        /// From 1.
        step: usize,
        /// The loss.
        loss: f32,
        /// The first tensor that is not finite, where one other than the loss is.
        tensor: Option<String>,
        /// The checkpoint that was made before.
        saved: Option<PathBuf>,
    },
    /// The user asked to stop.
    #[error("stopped in epoch {epoch} after {steps} steps{}", saved.as_ref().map_or(String::new(), |path| format!(
        "; saved in {}, continue with --resume", path.display())))]
    Interrupted {
        /// From 1.
        epoch: u32,
        /// Steps of this epoch that are done.
        steps: usize,
        /// The checkpoint to go on from.
        saved: Option<PathBuf>,
    },
}

impl TrainError {
    pub(super) fn input(problem: String, remedy: &'static str) -> TrainError {
        TrainError::Input { problem, remedy }
    }
}

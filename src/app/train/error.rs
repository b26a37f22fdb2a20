//! The errors of training.

use std::path::PathBuf;

use crate::data::{DataError, UnreadableImage};
use crate::device::DeviceError;
use crate::nn::ModelError;
use crate::nn::weights::WeightsError;

/// Why a training run ended early or could not start.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] DeviceError),
    /// The network cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An image cannot be decoded.
    #[error(transparent)]
    Image(#[from] UnreadableImage),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The history cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The data or the settings are invalid.
    #[error("cannot train: {problem}; {remedy}")]
    Input {
        /// What is wrong.
        problem: String,
        /// How to correct it.
        remedy: &'static str,
    },
    /// The folder contains an earlier run.
    #[error("{}: is the checkpoint of an earlier run; continue it with --resume, start again with --restart, or choose another folder", path.display())]
    EarlierRun {
        /// The checkpoint of that run.
        path: PathBuf,
    },
    /// The checkpoint belongs to a run with other settings or other data.
    #[error("{}: was trained with {what} {saved}, but now it is {wanted}; use the same value, or choose another folder", path.display())]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// Name of the setting.
        what: &'static str,
        /// Its value in the checkpoint.
        saved: String,
        /// Its value now.
        wanted: String,
    },
    /// The checkpoint's metadata is invalid.
    #[error("{}: the header's '{key}' {problem}; the file is damaged or not a checkpoint; start again with --restart", path.display())]
    Metadata {
        /// The checkpoint.
        path: PathBuf,
        /// The metadata key.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The loss is NaN or infinite.
    #[error("the loss of epoch {epoch}, step {step} is {loss}{}; lower the learning rate; {}",
        tensor.as_ref().map_or(String::new(), |tensor| format!(", and {tensor} is the first that is not finite")),
        saved.as_ref().map_or("no checkpoint was kept".to_string(), |path| format!("the last good checkpoint is {}", path.display())))]
    NotFinite {
        /// The epoch, starting at 1.
        epoch: u32,
        /// The step, starting at 1.
        step: usize,
        /// The loss.
        loss: f32,
        /// The first tensor that is not finite, if any tensor but the loss is not.
        tensor: Option<String>,
        /// The last checkpoint before this step, if there is one.
        saved: Option<PathBuf>,
    },
    /// The run was asked to stop.
    #[error("stopped in epoch {epoch} after {steps} steps{}", saved.as_ref().map_or(String::new(), |path| format!(
        "; the state is saved in {}; continue with --resume", path.display())))]
    Interrupted {
        /// The epoch, starting at 1.
        epoch: u32,
        /// Number of completed steps in this epoch.
        steps: usize,
        /// The checkpoint from which the run can be resumed.
        saved: Option<PathBuf>,
    },
}

impl TrainError {
    pub(super) fn input(problem: String, remedy: &'static str) -> TrainError {
        TrainError::Input { problem, remedy }
    }
}

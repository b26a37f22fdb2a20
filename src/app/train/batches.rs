//! Divides the samples of an epoch and of a validation into batches, and batches into parts.

use super::error::TrainError;
use super::samples::TrainingData;
use super::settings::TrainingSettings;
use crate::nn::training::NetworkShape;

/// Number of feature rows in a validation batch. If the input is images, validation batches are as large as the parts of training
/// batches.
const VALIDATION_ROWS: usize = 256;

/// The division of the training samples into batches.
pub(super) struct Batches {
    /// Number of steps in an epoch.
    pub steps: usize,
    /// Number of samples that an epoch trains on.
    pub samples: usize,
    /// Number of samples in a validation batch.
    pub validation: usize,
    /// Largest number of mean losses that are kept at a time.
    pub kept: usize,
    /// Largest number of samples in a part.
    pub largest_part: usize,
}

impl Batches {
    pub fn new(data: &TrainingData, shape: &NetworkShape, settings: &TrainingSettings) -> Result<Batches, TrainError> {
        let batch = settings.batch as usize;
        let all = data.train_rows.len();
        // Batch norm needs more than one sample, so a last part of a single sample is dropped.
        let last_part = settings.parts(all % batch).last().unwrap_or(0);
        let samples = if shape.uses_batch_statistics() && last_part == 1 { all - 1 } else { all };
        let Some(largest_part) = settings.parts(samples.min(batch)).next() else {
            let problem = format!("{all} training sample is too few for batch norm in training mode");
            return Err(TrainError::input(problem, "give at least two"));
        };
        let steps = samples.div_ceil(batch);
        let parts = steps * settings.parts(batch).count();
        let validation = if data.normalisation().is_some() { largest_part } else { VALIDATION_ROWS };
        let validation = validation.min(data.validation_rows.len()).max(1);
        let kept = parts.max(data.validation_rows.len().div_ceil(validation));
        Ok(Batches { steps, samples, validation, kept, largest_part })
    }

    /// Returns all sizes of parts that occur, the largest first.
    pub fn part_sizes(&self, settings: &TrainingSettings) -> Vec<u32> {
        let batch = settings.batch as usize;
        descending(settings.parts(self.samples.min(batch)).chain(settings.parts(self.samples % batch)))
    }

    /// Returns all sizes of validation batches that occur for a number of samples, the largest first.
    pub fn validation_sizes(&self, samples: usize) -> Vec<u32> {
        descending([self.validation, samples % self.validation].into_iter().filter(|size| *size > 0))
    }
}

/// Returns each of `sizes` once, in descending order.
fn descending(sizes: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut sizes: Vec<u32> = sizes.map(|size| size as u32).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
}

//! How the samples of an epoch and of a validation fall into batches, and batches into parts.

use super::error::TrainError;
use super::samples::TrainingData;
use super::settings::TrainingSettings;
use crate::nn::training::NetworkShape;

/// Rows of features that are validated at once; images take the size of a batch.
const VALIDATION_ROWS: usize = 256;

/// How the training samples fall into batches.
pub(super) struct Batches {
    /// Steps of an epoch.
    pub steps: usize,
    /// Samples of an epoch that are trained on.
    pub samples: usize,
    /// Samples that are validated at once.
    pub validation: usize,
    /// The most mean losses at a time.
    pub kept: usize,
    /// The most samples that pass at once.
    pub largest_part: usize,
}

impl Batches {
    pub fn new(data: &TrainingData, shape: &NetworkShape, settings: &TrainingSettings) -> Result<Batches, TrainError> {
        let batch = settings.batch as usize;
        let all = data.train_rows.len();
        // The last part of the last batch must not be a single sample for batch norm.
        let last_part = settings.parts(all % batch).last().unwrap_or(0);
        let samples = if shape.uses_batch_statistics() && last_part == 1 { all - 1 } else { all };
        let Some(largest_part) = settings.parts(samples.min(batch)).next() else {
            let problem = format!("{all} training sample is too few for batch norm in training mode");
            return Err(TrainError::input(problem, "give two at least"));
        };
        let steps = samples.div_ceil(batch);
        let parts = steps * settings.parts(batch).count();
        let validation = if data.normalisation().is_some() { largest_part } else { VALIDATION_ROWS };
        let validation = validation.min(data.validation_rows.len()).max(1);
        let kept = parts.max(data.validation_rows.len().div_ceil(validation));
        Ok(Batches { steps, samples, validation, kept, largest_part })
    }

    /// Every size that a part of a batch has, the largest first.
    pub fn part_sizes(&self, settings: &TrainingSettings) -> Vec<u32> {
        let batch = settings.batch as usize;
        descending(settings.parts(self.samples.min(batch)).chain(settings.parts(self.samples % batch)))
    }

    /// Every size of a batch of the validation of `samples`, the largest first.
    pub fn validation_sizes(&self, samples: usize) -> Vec<u32> {
        descending([self.validation, samples % self.validation].into_iter().filter(|size| *size > 0))
    }
}

/// Each of `sizes` once.
fn descending(sizes: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut sizes: Vec<u32> = sizes.map(|size| size as u32).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
}

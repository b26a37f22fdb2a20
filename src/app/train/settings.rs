//! The settings of a training run.

use super::augmentation::AugmentationRanges;
use super::error::TrainError;
use crate::nn::training::{Loss, NetworkShape, Schedule};
use crate::ops::{Adadelta, AnyOptimizer};
use crate::plan::Capabilities;

/// The weights of having and not having an attribute in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassWeights {
    /// All weights are equal.
    None,
    /// n / (2 n_class) over the n training images, for each attribute separately: scikit-learn's "balanced". A class that does
    /// not occur has the weight 0.
    Balanced,
}

/// The settings of a training run. The defaults are the paper's, or those of Keras 2.2.4 if the paper states none.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSettings {
    /// Number of samples in each update.
    pub batch: u32,
    /// Number of samples in each part of a batch. The gradients of the parts are added up. A larger value than the batch has no
    /// effect.
    pub micro_batch: u32,
    /// Number of passes over the training samples.
    pub epochs: u32,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The loss that is minimised.
    pub loss: Loss,
    /// The weights of having and not having an attribute in the loss.
    pub class_weights: ClassWeights,
    /// The optimizer.
    pub optimizer: AnyOptimizer,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// How the learning rate changes during training.
    pub schedule: Schedule,
    /// The ranges of the random transforms of images; `None` leaves images unchanged.
    pub augmentation: Option<AugmentationRanges>,
    /// Label smoothing s: labels become y (1 − s) + s / 2.
    pub label_smoothing: f32,
    /// Whether pointwise convolutions and their gradients round the operands of their products to 16-bit floats and multiply them
    /// in tensor cores. Weights, activations, gradients and sums stay 32-bit floats, and so does the head. The device must have
    /// been opened with cooperative matrices.
    pub mixed_precision: bool,
    /// Number of steps between two checkpoints within an epoch. There is always one at the end of an epoch.
    pub checkpoint_every: usize,
}

impl Default for TrainingSettings {
    fn default() -> TrainingSettings {
        TrainingSettings {
            batch: 64,
            micro_batch: 64,
            epochs: 12,
            seed: 0,
            loss: Loss::Cosine,
            class_weights: ClassWeights::None,
            optimizer: Adadelta::KERAS.into(),
            learning_rate: 1.0,
            schedule: Schedule::Constant,
            augmentation: None,
            label_smoothing: 0.0,
            mixed_precision: false,
            checkpoint_every: 100,
        }
    }
}

impl TrainingSettings {
    /// Returns the sizes of the parts of a batch of `samples`.
    pub fn parts(&self, samples: usize) -> impl Iterator<Item = usize> {
        let each = (self.micro_batch.min(self.batch) as usize).max(1);
        (0..samples).step_by(each).map(move |first| each.min(samples - first))
    }

    /// Refuses settings that are invalid for a network.
    ///
    /// # Errors
    /// [`TrainError::Input`] names the setting and its range.
    pub fn check(&self, shape: &NetworkShape) -> Result<(), TrainError> {
        if self.class_weights != ClassWeights::None && !self.loss.takes_label_weights() {
            let problem = "class weights need a loss with a term for each attribute, and cosine and angle have none".to_string();
            return Err(TrainError::input(problem, "choose the loss mse, mae or bce, or no class weights"));
        }
        let smallest = if shape.uses_batch_statistics() { 2.0 } else { 1.0 };
        let warm_up = if let Schedule::Cosine { warm_up } = self.schedule { warm_up } else { 0.0 };
        self.within(shape, smallest, warm_up)?;
        if shape.uses_batch_statistics() && self.parts(self.batch as usize).last() == Some(1) {
            let problem = format!("a batch of {} in parts of {} ends with a single sample", self.batch, self.micro_batch);
            return Err(TrainError::input(problem, "choose a micro-batch that divides the batch: batch norm needs two samples"));
        }
        Ok(())
    }

    /// Refuses mixed precision where it would have no effect, and where a device cannot run it.
    ///
    /// # Errors
    /// [`TrainError::Input`] names what is missing.
    pub fn check_precision(&self, shape: &NetworkShape, capabilities: &Capabilities) -> Result<(), TrainError> {
        if !self.mixed_precision {
            return Ok(());
        }
        if !shape.network.reads_images() {
            let problem = "mixed precision is for convolutions, and only the head is trained".to_string();
            return Err(TrainError::input(problem, "train more layers, or use 32-bit floats"));
        }
        if capabilities.matrix_side.is_none() {
            let problem = "mixed precision needs a device that was opened with cooperative matrices".to_string();
            return Err(TrainError::input(problem, "open it with them, or use 32-bit floats"));
        }
        Ok(())
    }

    fn within(&self, shape: &NetworkShape, smallest: f64, warm_up: f64) -> Result<(), TrainError> {
        let head = shape.head();
        let changes = self.augmentation.map_or([0.0; 3], |ranges| [ranges.zoom, ranges.row_shift, ranges.column_shift]);
        let ranges = [
            ("hidden width", f64::from(head.hidden.unwrap_or(1)), 1.0..=65_536.0),
            ("batch", f64::from(self.batch), smallest..=65_536.0),
            ("micro-batch", f64::from(self.micro_batch), smallest..=65_536.0),
            ("epochs", f64::from(self.epochs), 1.0..=1e6),
            ("dropout", f64::from(head.dropout), 0.0..=0.99),
            ("learning rate", self.learning_rate, 1e-12..=1e6),
            ("warm-up", warm_up, 0.0..=0.99),
            ("label smoothing", f64::from(self.label_smoothing), 0.0..=0.99),
            ("the largest zoom", changes[0], 0.0..=0.99),
            ("the largest shift of rows", changes[1], 0.0..=0.99),
            ("the largest shift of columns", changes[2], 0.0..=0.99),
            ("batch norm's momentum", f64::from(shape.momentum.max(head.momentum)), 0.0..=1.0),
        ];
        for (what, value, range) in ranges {
            if !range.contains(&value) {
                let remedy = if what.ends_with("batch") && value == 1.0 {
                    "batch norm in training mode needs at least two samples, because one has no variance"
                } else {
                    "choose a value in this range"
                };
                let problem = format!("{what} is {value}, outside {} to {}", range.start(), range.end());
                return Err(TrainError::input(problem, remedy));
            }
        }
        Ok(())
    }
}

//! How a run trains.

use super::augmentation::AugmentationRanges;
use super::error::TrainError;
use crate::nn::training::{Loss, NetworkShape, Schedule};
use crate::ops::{Adadelta, AnyOptimizer};

/// What having an attribute and not having it weigh in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassWeights {
    /// The same for every image and attribute.
    None,
    /// n / (2 n_class) over the n training images, for each attribute by itself: scikit-learn's "balanced". A class that does
    /// not occur weighs 0.
    Balanced,
}

/// How a network is trained; the defaults are the paper's, with those of Keras 2.2.4 where the paper says nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSettings {
    /// Samples an update.
    pub batch: u32,
    /// Samples that pass at once; their gradients are added up. The batch itself where it is not smaller.
    pub micro_batch: u32,
    /// Passes over the training samples.
    pub epochs: u32,
    /// What every random number is keyed by.
    pub seed: u64,
    /// What is minimised.
    pub loss: Loss,
    /// What the two classes of an attribute weigh in it.
    pub class_weights: ClassWeights,
    /// How it is minimised.
    pub optimizer: AnyOptimizer,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// Its course.
    pub schedule: Schedule,
    /// How images are transformed; `None` leaves them as they are.
    pub augmentation: Option<AugmentationRanges>,
    /// Labels become y (1 − s) + s / 2.
    pub label_smoothing: f32,
    /// Steps between two checkpoints within an epoch; there is one at its end in any case.
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
            checkpoint_every: 200,
        }
    }
}

impl TrainingSettings {
    /// Sizes of the parts in which a batch of `samples` passes.
    pub fn parts(&self, samples: usize) -> impl Iterator<Item = usize> {
        let each = (self.micro_batch.min(self.batch) as usize).max(1);
        (0..samples).step_by(each).map(move |first| each.min(samples - first))
    }

    /// Refuses what makes no sense for a network.
    ///
    /// # Errors
    /// [`TrainError::Input`] names the setting and its range.
    pub fn check(&self, shape: &NetworkShape) -> Result<(), TrainError> {
        if self.class_weights != ClassWeights::None && !self.loss.takes_label_weights() {
            let problem = "class weights are asked for with the cosine loss, which has no term for each attribute".to_string();
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

    fn within(&self, shape: &NetworkShape, smallest: f64, warm_up: f64) -> Result<(), TrainError> {
        let head = shape.head();
        let ranges = [
            ("hidden width", f64::from(head.hidden.unwrap_or(1)), 1.0..=65_536.0),
            ("batch", f64::from(self.batch), smallest..=65_536.0),
            ("micro-batch", f64::from(self.micro_batch), smallest..=65_536.0),
            ("epochs", f64::from(self.epochs), 1.0..=1e6),
            ("dropout", f64::from(head.dropout), 0.0..=0.99),
            ("learning rate", self.learning_rate, 1e-12..=1e6),
            ("warm-up", warm_up, 0.0..=0.99),
            ("label smoothing", f64::from(self.label_smoothing), 0.0..=0.99),
            ("batch norm's momentum", f64::from(shape.momentum.max(head.momentum)), 0.0..=1.0),
        ];
        for (what, value, range) in ranges {
            if !range.contains(&value) {
                let remedy = if what.ends_with("batch") && value == 1.0 {
                    "batch norm in training mode needs two samples at least, as one has no variance"
                } else {
                    "choose one inside"
                };
                let problem = format!("{what} is {value}, outside {} to {}", range.start(), range.end());
                return Err(TrainError::input(problem, remedy));
            }
        }
        Ok(())
    }
}

//! How `lineament train` trains: what is trained, what is minimised, and by which optimizer.

use clap::Args;
use lineament::app::train::{AugmentationRanges, ClassWeights, TrainingSettings};
use lineament::app::{Error, PAPER_DROPOUT, PAPER_HIDDEN, Trainable, TrainerOptions};
use lineament::nn::training::{FrozenNorm, Loss, RunningStatistics, Schedule};

use super::arguments::{Choices, one_of};
use super::optimizer_options::OptimizerArguments;

/// Options of a training run beside its data and its folder.
#[derive(Args)]
pub struct TrainingArguments {
    /// What is trained: head, blocks:N for the head and the last N blocks of the backbone's 19, or all
    #[arg(long, default_value = "head")]
    trainable: Trainable,
    /// Batch norm in layers that are not trained: with its running statistics, or as Keras 2.2.4 did with those of the batch
    #[arg(long, value_parser = one_of(FROZEN_NORMS), default_value = "inference")]
    frozen_batch_norm: FrozenNorm,
    /// What the backbone's running statistics keep in a step. Keras' 0.999 takes thousands of steps to follow the weights, and
    /// images are predicted with what it has reached; short runs want 0.99
    #[arg(long, default_value_t = 0.999)]
    batch_norm_momentum: f32,
    /// How batches move batch norm's running statistics: as TensorFlow 2 does, or as Keras 2.2.4 did, which forgot those that
    /// it began with
    #[arg(long, value_parser = one_of(RUNNING_STATISTICS), default_value = "tensorflow")]
    running_statistics: RunningStatistics,
    /// Height and width that images are brought to, a multiple of 32 from 96 to 224 [default: what the weights were made for]
    #[arg(long, value_parser = clap::value_parser!(u32).range(96..=224))]
    pub size: Option<u32>,
    /// Width of the hidden layer
    #[arg(long, default_value_t = PAPER_HIDDEN, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    hidden: u32,
    /// Passes over the training images
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub epochs: u32,
    /// Images an update
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Images that pass at once, their gradients added up; batch norm then sees these alone [default: the batch]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    micro_batch: Option<u32>,
    /// What is minimised
    #[arg(long, value_parser = one_of(LOSSES), default_value = "cosine")]
    loss: Loss,
    /// What having an attribute and not having it weigh in the loss: the same, or the more the rarer in the training images,
    /// n / (2 n_class); not with the cosine loss
    #[arg(long, value_parser = one_of(CLASS_WEIGHTS), default_value = "none")]
    class_weights: ClassWeights,
    /// Labels become y (1 − S) + S / 2
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    label_smoothing: f32,
    #[command(flatten)]
    optimizer: OptimizerArguments,
    /// The course of the learning rate
    #[arg(long, value_parser = one_of(SCHEDULES), default_value = "constant")]
    schedule: ScheduleName,
    /// The part of all steps in which a cosine schedule rises
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Share of hidden values that is dropped
    #[arg(long, default_value_t = PAPER_DROPOUT)]
    dropout: f32,
    /// How training images are varied: not at all, as the paper does, or mirrored and moved a little
    #[arg(long, value_parser = one_of(AUGMENTATIONS), default_value = "none")]
    augment: Option<AugmentationRanges>,
    /// Steps between two checkpoints within an epoch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_every: u32,
    /// Seed of every random number
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

const FROZEN_NORMS: &Choices<FrozenNorm> =
    &[("inference", "", FrozenNorm::Inference), ("keras2", "", FrozenNorm::BatchStatistics)];

const RUNNING_STATISTICS: &Choices<RunningStatistics> =
    &[("tensorflow", "", RunningStatistics::Tensorflow), ("keras2", "", RunningStatistics::Keras2)];

const LOSSES: &Choices<Loss> = &[
    ("cosine", "Minus the cosine between labels and predictions: the paper's, as its code has it", Loss::Cosine),
    ("angle", "The angle between labels and predictions, as the paper's text has it", Loss::Angle),
    ("mse", "Mean squared error", Loss::MeanSquaredError),
    ("mae", "Mean absolute error", Loss::MeanAbsoluteError),
    ("bce", "Binary cross-entropy", Loss::BinaryCrossEntropy),
    ("bce-keras2", "Binary cross-entropy as Keras 2.2.4 has it", Loss::BinaryCrossEntropyKeras2),
];

const CLASS_WEIGHTS: &Choices<ClassWeights> = &[("none", "", ClassWeights::None), ("balanced", "", ClassWeights::Balanced)];

/// A schedule, without its settings.
#[derive(Clone, Copy)]
enum ScheduleName {
    Constant,
    Cosine,
}

const SCHEDULES: &Choices<ScheduleName> =
    &[("constant", "", ScheduleName::Constant), ("cosine", "Up and down along a cosine", ScheduleName::Cosine)];

const AUGMENTATIONS: &Choices<Option<AugmentationRanges>> =
    &[("none", "", None), ("paper", "", Some(AugmentationRanges::PAPER)), ("light", "", Some(LIGHT))];

/// Mirrored, and moved about as much as faces in aligned pictures differ.
const LIGHT: AugmentationRanges = AugmentationRanges {
    rotation: 8.0,
    row_shift: 0.04,
    column_shift: 0.04,
    shear: 0.0,
    zoom: 0.08,
    magnify_only: false,
    mirror: true,
};

impl TrainingArguments {
    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), Error> {
        if self.class_weights != ClassWeights::None && matches!(self.loss, Loss::Cosine | Loss::Angle) {
            let problem = "--class-weights balanced does not go with the cosine loss or its angle, which have no term for each attribute; add \
                           --loss mse, mae or bce";
            return Err(Error::Misuse(problem.to_string()));
        }
        self.optimizer.check()
    }

    fn settings(&self) -> TrainingSettings {
        TrainingSettings {
            batch: self.batch,
            micro_batch: self.micro_batch.unwrap_or(self.batch).min(self.batch),
            epochs: self.epochs,
            seed: self.seed,
            loss: self.loss,
            class_weights: self.class_weights,
            optimizer: self.optimizer.optimizer(),
            learning_rate: self.optimizer.learning_rate(),
            schedule: match self.schedule {
                ScheduleName::Constant => Schedule::Constant,
                ScheduleName::Cosine => Schedule::Cosine { warm_up: self.warm_up },
            },
            augmentation: self.augment,
            label_smoothing: self.label_smoothing,
            checkpoint_every: self.checkpoint_every as usize,
        }
    }

    /// Returns how and what is trained.
    pub fn options(&self, skip_unreadable: bool, resume: bool) -> TrainerOptions {
        TrainerOptions {
            trainable: self.trainable,
            frozen_norm: self.frozen_batch_norm,
            momentum: self.batch_norm_momentum,
            running_statistics: self.running_statistics,
            hidden: self.hidden,
            dropout: self.dropout,
            random_start: false,
            skip_unreadable,
            resume,
            settings: self.settings(),
        }
    }
}

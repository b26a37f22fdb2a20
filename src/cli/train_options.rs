//! How `lineament train` trains: what is trained, what is minimised, and by which optimizer.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use lineament::app::train::{AugmentationRanges, ClassWeights, TrainingSettings};
use lineament::nn::Convolution;
use lineament::nn::training::{FrozenNorm, Loss, RunningStatistics, Schedule, first_of_last_blocks};

use super::common::Misuse;
use super::optimizer_options::OptimizerArguments;

/// Width of the paper's hidden layer.
pub const PAPER_HIDDEN: u32 = 1536;
/// Share of its values that the paper drops.
pub const PAPER_DROPOUT: f32 = 0.3;

/// Options of a training run beside its data and its folder.
#[derive(Args)]
pub struct TrainingArguments {
    /// What is trained: head, blocks:N for the head and the last N blocks of the backbone's 19, or all
    #[arg(long, default_value = "head")]
    pub trainable: Trainable,
    /// Batch norm in layers that are not trained: with its running statistics, or as Keras 2.2.4 did with those of the batch
    #[arg(long, value_enum, default_value = "inference")]
    frozen_batch_norm: FrozenBatchNorm,
    /// What the backbone's running statistics keep in a step. Keras' 0.999 takes thousands of steps to follow the weights, and
    /// images are predicted with what it has reached; short runs want 0.99
    #[arg(long, default_value_t = 0.999)]
    pub batch_norm_momentum: f32,
    /// How batches move batch norm's running statistics: as TensorFlow 2 does, or as Keras 2.2.4 did, which forgot those that
    /// it began with
    #[arg(long, value_enum, default_value = "tensorflow")]
    running_statistics: RunningStatisticsName,
    /// Height and width that images are brought to, a multiple of 32 from 96 to 224 [default: what the weights were made for]
    #[arg(long, value_parser = clap::value_parser!(u32).range(96..=224))]
    pub size: Option<u32>,
    /// Width of the hidden layer
    #[arg(long, default_value_t = PAPER_HIDDEN, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub hidden: u32,
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
    #[arg(long, value_enum, default_value = "cosine")]
    loss: LossName,
    /// What having an attribute and not having it weigh in the loss: the same, or the more the rarer in the training images,
    /// n / (2 n_class); not with the cosine loss
    #[arg(long, value_enum, default_value = "none")]
    class_weights: ClassWeightsName,
    /// Labels become y (1 − S) + S / 2
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    label_smoothing: f32,
    #[command(flatten)]
    optimizer: OptimizerArguments,
    /// The course of the learning rate
    #[arg(long, value_enum, default_value = "constant")]
    schedule: ScheduleName,
    /// The part of all steps in which a cosine schedule rises
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Share of hidden values that is dropped
    #[arg(long, default_value_t = PAPER_DROPOUT)]
    pub dropout: f32,
    /// How training images are varied: not at all, as the paper does, or mirrored and moved a little
    #[arg(long, value_enum, default_value = "none")]
    augment: AugmentName,
    /// Steps between two checkpoints within an epoch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_every: u32,
    /// Seed of every random number
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trainable {
    /// The layers after the backbone.
    Head,
    /// These and the last blocks of the backbone.
    Blocks(usize),
    /// Everything.
    All,
}

impl FromStr for Trainable {
    type Err = String;

    fn from_str(text: &str) -> Result<Trainable, String> {
        let blocks = |count: &str| count.parse().ok().filter(|count| (1..=19).contains(count)).map(Trainable::Blocks);
        match text {
            "head" => Ok(Trainable::Head),
            "all" => Ok(Trainable::All),
            _ => text
                .strip_prefix("blocks:")
                .and_then(blocks)
                .ok_or_else(|| "expected head, all, or blocks:N with N from 1 to 19".to_string()),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum FrozenBatchNorm {
    Inference,
    Keras2,
}

#[derive(Clone, Copy, ValueEnum)]
enum RunningStatisticsName {
    Tensorflow,
    Keras2,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LossName {
    /// Minus the cosine between labels and predictions: the paper's, as its code has it
    Cosine,
    /// The angle between labels and predictions, as the paper's text has it
    Angle,
    /// Mean squared error
    Mse,
    /// Mean absolute error
    Mae,
    /// Binary cross-entropy
    Bce,
    /// Binary cross-entropy as Keras 2.2.4 has it
    BceKeras2,
}

impl From<LossName> for Loss {
    fn from(name: LossName) -> Loss {
        match name {
            LossName::Cosine => Loss::Cosine,
            LossName::Angle => Loss::Angle,
            LossName::Mse => Loss::MeanSquaredError,
            LossName::Mae => Loss::MeanAbsoluteError,
            LossName::Bce => Loss::BinaryCrossEntropy,
            LossName::BceKeras2 => Loss::BinaryCrossEntropyKeras2,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClassWeightsName {
    None,
    Balanced,
}

#[derive(Clone, Copy, ValueEnum)]
enum ScheduleName {
    Constant,
    /// Up and down along a cosine
    Cosine,
}

#[derive(Clone, Copy, ValueEnum)]
enum AugmentName {
    None,
    Paper,
    Light,
}

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
    pub fn check(&self) -> Result<(), Misuse> {
        if self.class_weights != ClassWeightsName::None && matches!(self.loss, LossName::Cosine | LossName::Angle) {
            let problem = "--class-weights balanced does not go with the cosine loss or its angle, which have no term for each attribute; add \
                           --loss mse, mae or bce";
            return Err(Misuse(problem.to_string()));
        }
        self.optimizer.check()
    }

    /// How the network is trained.
    pub fn settings(&self) -> TrainingSettings {
        TrainingSettings {
            batch: self.batch,
            micro_batch: self.micro_batch.unwrap_or(self.batch).min(self.batch),
            epochs: self.epochs,
            seed: self.seed,
            loss: self.loss.into(),
            class_weights: match self.class_weights {
                ClassWeightsName::None => ClassWeights::None,
                ClassWeightsName::Balanced => ClassWeights::Balanced,
            },
            optimizer: self.optimizer.optimizer(),
            learning_rate: self.optimizer.learning_rate(),
            schedule: match self.schedule {
                ScheduleName::Constant => Schedule::Constant,
                ScheduleName::Cosine => Schedule::Cosine { warm_up: self.warm_up },
            },
            augmentation: match self.augment {
                AugmentName::None => None,
                AugmentName::Paper => Some(AugmentationRanges::PAPER),
                AugmentName::Light => Some(LIGHT),
            },
            label_smoothing: self.label_smoothing,
            checkpoint_every: self.checkpoint_every as usize,
        }
    }

    /// The position of the first layer that is trained.
    pub fn first_trained(&self, layers: &[Convolution]) -> usize {
        match self.trainable {
            Trainable::Head => layers.len(),
            Trainable::Blocks(blocks) => first_of_last_blocks(layers, blocks),
            Trainable::All => 0,
        }
    }

    /// How batch norm runs in layers that are not trained.
    pub fn frozen_norm(&self) -> FrozenNorm {
        match self.frozen_batch_norm {
            FrozenBatchNorm::Inference => FrozenNorm::Inference,
            FrozenBatchNorm::Keras2 => FrozenNorm::BatchStatistics,
        }
    }

    /// How batches move the running statistics.
    pub fn running_statistics(&self) -> RunningStatistics {
        match self.running_statistics {
            RunningStatisticsName::Tensorflow => RunningStatistics::Tensorflow,
            RunningStatisticsName::Keras2 => RunningStatistics::Keras2,
        }
    }

    /// Whether the network's input can be features of the backbone, computed once.
    pub fn takes_features(&self) -> bool {
        self.trainable == Trainable::Head
            && matches!(self.augment, AugmentName::None)
            && matches!(self.frozen_batch_norm, FrozenBatchNorm::Inference)
    }
}

//! Options of `lineament train`: which layers are trained, which loss is minimised, and with which optimizer.

use clap::Args;
use lineament::app::train::{AugmentationRanges, ClassWeights, TrainingSettings};
use lineament::app::{Error, PAPER_DROPOUT, PAPER_HIDDEN, Trainable, TrainerOptions};
use lineament::data::StoredOrientation;
use lineament::nn::training::{FrozenNorm, Loss, RunningStatistics, Schedule};

use super::arguments::{Choices, one_of, require_within};
use super::optimizer_options::OptimizerArguments;

/// The options of a training run, without its data and its folder.
#[derive(Args)]
pub struct TrainingArguments {
    /// Layers to train: head (the classifier after the backbone), blocks:N (the head and the last N of the backbone's 19
    /// blocks) or all
    #[arg(long, value_name = "LAYERS", default_value = "head")]
    trainable: Trainable,
    /// Statistics that batch norm uses in layers that are not trained [default: inference]
    #[arg(long, value_name = "NAME", value_parser = one_of(FROZEN_NORMS))]
    frozen_batch_norm: Option<FrozenNorm>,
    /// Share of the backbone's running statistics that is kept in each step. Keras' 0.999 needs thousands of steps to follow the
    /// weights, and predictions use these statistics; use 0.99 for short runs [default: 0.999]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    batch_norm_momentum: Option<f32>,
    /// How batches update batch norm's running statistics [default: tensorflow]
    #[arg(long, value_name = "NAME", value_parser = one_of(RUNNING_STATISTICS))]
    running_statistics: Option<RunningStatistics>,
    /// Height and width of the images in pixels, a multiple of 32 from 96 to 224 [default: the size that the weights were made
    /// for]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(96..=224))]
    pub size: Option<u32>,
    /// Width of the head's hidden layer
    #[arg(long, value_name = "COUNT", default_value_t = PAPER_HIDDEN, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    hidden: u32,
    /// Number of passes over the training images
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub epochs: u32,
    /// Number of images in each update
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Split each batch into parts of this many images and add up their gradients, to save memory. Batch norm then sees one part
    /// at a time [default: the batch]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    micro_batch: Option<u32>,
    /// Loss to minimise
    #[arg(long, value_name = "NAME", value_parser = one_of(LOSSES), default_value = "cosine")]
    loss: Loss,
    /// Weights in the loss of the images that have an attribute and of those that do not. The losses cosine and angle take none
    #[arg(long, value_name = "NAME", value_parser = one_of(CLASS_WEIGHTS), default_value = "none")]
    class_weights: ClassWeights,
    /// Smooth the labels: y becomes y (1 − S) + S / 2
    #[arg(long, value_name = "S", default_value_t = 0.0, allow_negative_numbers = true)]
    label_smoothing: f32,
    #[command(flatten)]
    optimizer: OptimizerArguments,
    /// How the learning rate changes during training
    #[arg(long, value_name = "NAME", value_parser = one_of(SCHEDULES), default_value = "constant")]
    schedule: fn(f64) -> Schedule,
    /// Share of all steps in which the cosine schedule increases the learning rate [default: 0.3]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    warm_up: Option<f64>,
    /// Share of the hidden values that dropout sets to zero
    #[arg(long, value_name = "SHARE", default_value_t = PAPER_DROPOUT, allow_negative_numbers = true)]
    dropout: f32,
    /// Random changes to training images
    #[arg(long, value_name = "NAME", value_parser = one_of(AUGMENTATIONS), default_value = "none")]
    augment: Augment,
    /// Precision of the products in pointwise convolutions and their gradients. `mixed` rounds the factors of these products to
    /// 16 bits (it scales gradients first) and multiplies them in tensor cores. All else stays in 32-bit floats
    #[arg(long, value_name = "NAME", value_parser = one_of(PRECISIONS), default_value = "f32", requires_if("mixed", "tensor_cores"))]
    precision: Products,
    /// Number of steps between checkpoints. There is also one at the end of each epoch
    #[arg(long, value_name = "STEPS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_every: u32,
    /// Seed of all random numbers
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
}

/// The precision of products in training.
#[derive(Clone, Copy, PartialEq)]
enum Products {
    /// 32-bit floats.
    Full,
    /// Products of 16-bit floats.
    Mixed,
}

const PRECISIONS: &Choices<Products> = &[
    ("f32", "32-bit floats", Products::Full),
    ("mixed", "Products of 16-bit floats with sums in 32-bit floats", Products::Mixed),
];

const FROZEN_NORMS: &Choices<FrozenNorm> = &[
    ("inference", "The running statistics", FrozenNorm::Inference),
    ("keras2", "The statistics of the batch, as Keras 2.2.4 did", FrozenNorm::BatchStatistics),
];

const RUNNING_STATISTICS: &Choices<RunningStatistics> = &[
    ("tensorflow", "As TensorFlow 2 does", RunningStatistics::Tensorflow),
    (
        "keras2",
        "As Keras 2.2.4 did: averages of the batches of this training only, without the statistics in the weights file",
        RunningStatistics::Keras2,
    ),
];

const LOSSES: &Choices<Loss> = &[
    ("cosine", "Negative cosine similarity of labels and predictions, as in the paper's code", Loss::Cosine),
    ("angle", "The angle between labels and predictions, as in the paper's text", Loss::Angle),
    ("mse", "Mean squared error", Loss::MeanSquaredError),
    ("mae", "Mean absolute error", Loss::MeanAbsoluteError),
    ("bce", "Binary cross-entropy", Loss::BinaryCrossEntropy),
    ("bce-keras2", "Binary cross-entropy as Keras 2.2.4 computes it", Loss::BinaryCrossEntropyKeras2),
];

const CLASS_WEIGHTS: &Choices<ClassWeights> = &[
    ("none", "The same weight for both", ClassWeights::None),
    ("balanced", "n / (2 · n_class) for n_class of n images, so the rarer class counts more", ClassWeights::Balanced),
];

/// The learning rate schedules, as functions of the share of steps in which the learning rate rises.
const SCHEDULES: &Choices<fn(f64) -> Schedule> = &[
    ("constant", "The learning rate stays the same", |_| Schedule::Constant),
    ("cosine", "The learning rate rises, then falls, along a cosine", |warm_up| Schedule::Cosine { warm_up }),
];

/// How training images are varied, if at all. clap would take an `Option` itself for an argument that may be absent.
#[derive(Clone, Copy)]
struct Augment(Option<AugmentationRanges>);

const AUGMENTATIONS: &Choices<Augment> = &[
    ("none", "No changes", Augment(None)),
    ("paper", "As in the paper's script: rotation, shift, shear, zoom and mirroring", Augment(Some(AugmentationRanges::PAPER))),
    ("light", "Mirroring, with small rotations, shifts and zooms", Augment(Some(AugmentationRanges::LIGHT))),
];

impl TrainingArguments {
    /// Refuses options that contradict each other or do not apply, and values out of range.
    ///
    /// # Errors
    /// [`Error::Misuse`] names the option.
    pub fn check(&self) -> Result<(), Error> {
        let refused = |problem: &str| Err(Error::Misuse(problem.to_string()));
        for (option, value, range) in [
            ("--batch-norm-momentum", self.batch_norm_momentum.map(f64::from), 0.0..=1.0),
            ("--label-smoothing", Some(f64::from(self.label_smoothing)), 0.0..=0.99),
            ("--warm-up", self.warm_up, 0.0..=0.99),
            ("--dropout", Some(f64::from(self.dropout)), 0.0..=0.99),
        ] {
            require_within(option, value, range)?;
        }
        // The head has batch norm, and one sample has no variance.
        let parts = self.micro_batch.unwrap_or(self.batch);
        if self.batch == 1 || parts == 1 {
            return refused(
                "--batch and --micro-batch must be at least 2, because batch norm needs the variance of several images",
            );
        }
        if self.batch % parts == 1 {
            let (batch, part) = (self.batch, parts);
            let problem = format!("--micro-batch {part} leaves a part of one image of --batch {batch}, and batch norm needs two");
            return Err(Error::Misuse(problem));
        }
        if self.warm_up.is_some() && matches!((self.schedule)(0.0), Schedule::Constant) {
            return refused("--warm-up is an option of --schedule cosine only");
        }
        if self.frozen_batch_norm.is_some() && self.trainable == Trainable::All {
            return refused("--frozen-batch-norm does not go with --trainable all, which leaves no layer untrained");
        }
        let updates = self.trainable != Trainable::Head;
        if !updates && (self.batch_norm_momentum.is_some() || self.running_statistics.is_some()) {
            let problem = "--batch-norm-momentum and --running-statistics are about the backbone's batch norm, which \
                           --trainable head leaves unchanged; choose --trainable blocks:N or all";
            return refused(problem);
        }
        if self.class_weights != ClassWeights::None && !self.loss.takes_label_weights() {
            let problem = "--class-weights balanced does not go with the losses cosine and angle, which have no term for each \
                           attribute; add --loss mse, mae or bce";
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
            schedule: (self.schedule)(self.warm_up.unwrap_or(0.3)),
            augmentation: self.augment.0,
            label_smoothing: self.label_smoothing,
            mixed_precision: self.precision == Products::Mixed,
            checkpoint_every: self.checkpoint_every as usize,
        }
    }

    /// Returns the options of the trainer.
    pub fn options(&self, skip_unreadable: bool, resume: bool) -> TrainerOptions {
        TrainerOptions {
            trainable: self.trainable,
            frozen_norm: self.frozen_batch_norm.unwrap_or(FrozenNorm::Inference),
            momentum: self.batch_norm_momentum.unwrap_or(0.999),
            running_statistics: self.running_statistics.unwrap_or(RunningStatistics::Tensorflow),
            hidden: self.hidden,
            dropout: self.dropout,
            random_start: false,
            skip_unreadable,
            orientation: StoredOrientation::Applied,
            resume,
            restart: false,
            settings: self.settings(),
        }
    }
}

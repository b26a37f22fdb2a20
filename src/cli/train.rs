//! `lineament train`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{
    FaceSelection, RunFolder, Trainer, align_dataset, check_training_data, model_path, open_start, refuse_overwriting,
};
use lineament::data::attributes::paper_attributes;
use lineament::nn::weights::IMAGENET_MODEL;

use super::arguments::{Choices, DataArguments, FinderArguments, GpuArguments, OrientationArguments, one_of};
use super::display::cancel_on_interrupt;
use super::output::print_line;
use super::train_options::TrainingArguments;
use super::{Context, Outcome, Verdict};

/// Train a model on labelled faces: only the last layers (the head), the head and some blocks, or all layers
#[derive(Args)]
pub struct Train {
    #[command(flatten)]
    data: DataArguments,
    /// Run folder for features, checkpoints, history and the trained model
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Weights file to start from. Its head is kept if it predicts the same attributes [default: the shipped
    /// mobilenet_v2_imagenet.safetensors]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Report and leave out images that cannot be read, instead of stopping at the first
    #[arg(long)]
    skip_unreadable: bool,
    /// What is used of each image. `largest` finds and aligns the largest face, keeps its picture in the run folder, and leaves
    /// out images without a face
    #[arg(long, value_name = "WHICH", value_parser = one_of(TRAINED_ON), default_value = "as-is")]
    faces: FaceSelection,
    #[command(flatten)]
    finder: FinderArguments,
    /// Exit with status 0 although some images show no face
    #[arg(long)]
    allow_no_face: bool,
    #[command(flatten)]
    orientation: OrientationArguments,
    #[command(flatten)]
    training: TrainingArguments,
    /// Continue the run in the run folder
    #[arg(long)]
    resume: bool,
    /// Remove the checkpoints of an earlier run in the run folder and start again. The features of the images are kept
    #[arg(long, conflicts_with = "resume")]
    restart: bool,
    #[command(flatten)]
    device: GpuArguments,
}

/// What training uses of a picture: its labels are those of one face.
pub const TRAINED_ON: &Choices<FaceSelection> = &[
    ("as-is", "The whole picture: it is an aligned face already, as CelebA's pictures are", FaceSelection::AsIs),
    ("largest", "The largest face in it, aligned as in CelebA", FaceSelection::Largest),
];

impl Train {
    pub fn run(&self, context: &Context) -> Verdict {
        self.training.check()?;
        let written = ["model.safetensors", "metrics.csv", "history.csv", "config.json", "checkpoints/last.safetensors"];
        let lists = self.data.labels.files(&self.data.data);
        let inputs = lists.iter().chain(&self.weights).map(PathBuf::as_path);
        refuse_overwriting(written.map(|name| self.out.join(name)), inputs)?;
        let labels = self.data.labels.selection();
        let mut data = labels.open(&self.data.data, &paper_attributes(), self.training.seed, context)?.dataset;
        check_training_data(&self.data.data, &data, context)?;
        let model = open_start(&model_path(self.weights.as_deref(), IMAGENET_MODEL)?, self.training.size)?;
        let run = RunFolder::create(&self.out)?;
        let device = self.device.open(context)?;
        cancel_on_interrupt(&context.cancellation);
        let mut faceless = 0;
        if self.faces == FaceSelection::Largest {
            faceless =
                align_dataset(&device, &mut data, run.at("faces"), self.finder.options(), self.orientation.stored(), context)?;
            check_training_data(&self.data.data, &data, context)?;
        }
        let mut options = self.training.options(self.skip_unreadable, self.resume);
        options.orientation = self.orientation.stored();
        options.restart = self.restart;
        let trainer = Trainer::new(&device, &model, &data, options).with_context(context);
        run.record("train", Some(&device), trainer.details(), context)?;
        let training = trainer.train(&self.out)?;
        let means = training.metrics.means;
        let balanced = means.balanced_accuracy.map_or(String::new(), |share| format!(", balanced {share:.4}"));
        print_line(format_args!(
            "epoch {} of {}: validation accuracy {:.4}{balanced}; always guessing the majority {:.4}",
            training.epoch, self.training.epochs, means.accuracy, means.majority_accuracy
        ))?;
        print_line(training.model.display())?;
        Ok(Outcome::complete(faceless == 0 || self.allow_no_face))
    }
}

//! `lineament reproduce`

use std::path::PathBuf;

use clap::Args;
use lineament::app::reproduce::{PaperLoss, Reproduction, ReproductionOptions, Source, Step, reproduce_losses};
use lineament::app::{FaceSelection, Trainable, refuse_overwriting};
use lineament::data::Crop;

use super::arguments::{Choices, GpuArguments, LabelArguments, one_of};
use super::display::cancel_on_interrupt;
use super::output::print_line;
use super::train::TRAINED_ON;
use super::{Context, Outcome, Verdict};

/// Reproduce the paper step by step, and compare the results with those in the paper
///
/// Pictures are taken as they are stored, as Keras did for the paper: their orientation (EXIF) is ignored, as with
/// --ignore-orientation of the other commands.
#[derive(Args)]
pub struct Reproduce {
    /// Do only this step
    #[arg(long, value_name = "STEP", value_parser = one_of(STEPS))]
    only: Option<Step>,
    /// The data set: CelebA as distributed (its folder, or the zip archive of its images), or a folder of images with a label CSV
    #[arg(long, value_name = "PATH", required_unless_present = "quick")]
    data: Option<PathBuf>,
    #[command(flatten)]
    labels: LabelArguments,
    /// Run folder for all results. Steps that were completed there with the same settings are skipped
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Take minutes instead of days: train nothing, use the shipped model, and use the bundled portraits unless --data is given
    #[arg(long)]
    quick: bool,
    /// Whose settings to use where the paper's text and its published script differ
    #[arg(long = "as", value_name = "NAME", value_parser = one_of(SOURCES), default_value = "paper")]
    source: Source,
    /// Loss to minimise in training: the published code minimises the negative cosine similarity, the paper's text the angle
    #[arg(long, value_name = "NAME", value_parser = one_of(LOSSES), default_value = "cosine")]
    loss: PaperLoss,
    /// Evaluate this model and cluster with it, instead of training one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Also do the step loss-issue. The paper says that with some losses a network never predicts rare attributes; this step
    /// trains the head with each of several losses, on features of the frozen backbone, and compares them
    #[arg(long)]
    with_loss_issue: bool,
    /// Weights file to start training from [default: the shipped mobilenet_v2_imagenet.safetensors]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Layers to train: head (the classifier after the backbone), blocks:N (the head and the last N of the backbone's 19
    /// blocks) or all
    #[arg(long, value_name = "LAYERS", default_value = "all")]
    trainable: Trainable,
    /// Height and width of the images in training, a multiple of 32 from 96 to 224 [default: the size of the weights, 224]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(96..=224))]
    size: Option<u32>,
    /// Report and leave out images that cannot be read, instead of stopping at the first
    #[arg(long)]
    skip_unreadable: bool,
    /// Number of passes over the training images [default: 3 as in the paper, 12 as in the script; 12 for each loss in
    /// the step loss-issue]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: Option<u32>,
    /// Number of images in each update [default: 64 as in the paper, 80 as in the script; 64 for each loss in the step
    /// loss-issue]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..=65_536))]
    batch: Option<u32>,
    /// Split each batch into parts of this many images and add up their gradients, to save memory. Batch norm then sees one part
    /// at a time [default: the batch]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..=65_536))]
    micro_batch: Option<u32>,
    /// Number of faces to cluster, the first by name
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    faces: u32,
    /// Folder of extra faces; every fifth clustered face comes from it, the first by name. The script clustered 100 faces of
    /// LFW with 400 of CelebA
    #[arg(long, value_name = "FOLDER")]
    beside: Option<PathBuf>,
    /// What is used of each picture of --beside. `largest` finds and aligns the largest face, and leaves out pictures without one
    #[arg(long, value_name = "WHICH", value_parser = one_of(TRAINED_ON), default_value = "as-is", requires = "beside")]
    beside_faces: FaceSelection,
    /// Number of clusters in figures 6 and 7
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000))]
    k: u32,
    /// Use only this part of each image, in percent of its width and height [default: all; 10,0,80,80 for the bundled portraits]
    #[arg(long, value_name = "LEFT,TOP,WIDTH,HEIGHT")]
    crop: Option<Crop>,
    /// Seed of all random numbers
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Continue the trainings of the step loss-issue in the run folder. The other steps resume without it
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    device: GpuArguments,
}

const STEPS: &Choices<Step> = &[
    ("data", "Describe the data: partitions and figure 1", Step::Data),
    ("train", "Train the paper's model", Step::Train),
    ("eval", "Evaluate the model: table I", Step::Eval),
    ("loss-issue", "Check the paper's claim that with some losses a network never predicts rare attributes", Step::LossIssue),
    ("predict", "Predict the attributes of the faces to cluster", Step::Predict),
    ("cluster", "Cluster the faces: figure 6", Step::Cluster),
    ("weighted", "Cluster the faces by weighted attributes: figure 7", Step::Weighted),
    ("compare", "Compare clustering methods: figure 5", Step::Compare),
    ("report", "Compare the results with the paper's, and write the HTML report", Step::Report),
];

const SOURCES: &Choices<Source> = &[
    ("paper", "The settings in the paper's text", Source::Paper),
    ("script", "The settings in the published script and notebook", Source::Script),
];

const LOSSES: &Choices<PaperLoss> = &[
    ("cosine", "Negative cosine similarity of labels and predictions", PaperLoss::Cosine),
    ("angle", "The angle between labels and predictions", PaperLoss::Angle),
];

impl Reproduce {
    pub fn run(&self, context: &Context) -> Verdict {
        let written = ["train/model.safetensors", "report.html", "attributes.csv", "config.json", "reproduction.json"];
        let lists = self.data.as_deref().map_or_else(Vec::new, |data| self.labels.files(data));
        // A model that is named is only read, and nothing is trained then.
        refuse_overwriting(written.map(|name| self.out.join(name)), lists.iter().chain(&self.weights).map(PathBuf::as_path))?;
        let options = self.options();
        if self.only == Some(Step::LossIssue) {
            cancel_on_interrupt(&context.cancellation);
            reproduce_losses(&options, context)?;
            return Ok(Outcome::Done);
        }
        let reproduction = Reproduction::open(&options, context)?;
        cancel_on_interrupt(&context.cancellation);
        let reproduced = reproduction.run(self.only)?;
        if let (Some(findings), Some(report)) = (&reproduced.findings, &reproduced.report) {
            print_line(format_args!("{}\n{}", findings.to_text(), report.display()))?;
        }
        Ok(Outcome::complete(reproduced.complete))
    }

    fn options(&self) -> ReproductionOptions {
        ReproductionOptions {
            data: self.data.clone(),
            labels: self.labels.selection(),
            out: self.out.clone(),
            quick: self.quick,
            source: self.source,
            loss: self.loss,
            model: self.model.clone(),
            with_loss_issue: self.with_loss_issue,
            weights: self.weights.clone(),
            trainable: self.trainable,
            size: self.size,
            skip_unreadable: self.skip_unreadable,
            epochs: self.epochs,
            batch: self.batch,
            micro_batch: self.micro_batch,
            faces: self.faces,
            beside: self.beside.clone(),
            beside_faces: self.beside_faces,
            k: self.k,
            crop: self.crop,
            seed: self.seed,
            resume: self.resume,
            device: self.device.options(),
        }
    }
}

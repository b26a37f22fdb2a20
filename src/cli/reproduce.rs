//! `lineament reproduce`

use std::path::PathBuf;

use clap::Args;
use lineament::app::Trainable;
use lineament::app::reproduce::{PaperLoss, Reproduction, ReproductionOptions, Source, Step, reproduce_losses};
use lineament::data::Crop;

use super::arguments::{Choices, GpuArguments, LabelArguments, one_of};
use super::display::{Display, cancel_on_interrupt};
use super::output::print_line;
use super::{Outcome, Verdict};

/// Do again what the paper did, step by step, and show what comes of it beside what the paper says
#[derive(Args)]
pub struct Reproduce {
    /// Only this step
    #[arg(long, value_parser = one_of(STEPS))]
    only: Option<Step>,
    /// CelebA as it is distributed (its folder, or a zip archive of its images), or a folder of images with a label CSV
    #[arg(long, required_unless_present = "quick")]
    data: Option<PathBuf>,
    #[command(flatten)]
    labels: LabelArguments,
    /// The run folder; steps that it holds with the same settings are skipped
    #[arg(long)]
    out: PathBuf,
    /// Minutes instead of days: the bundled portraits (unless --data says otherwise) and the shipped model, no training
    #[arg(long)]
    quick: bool,
    /// Whose settings to take where the paper's text and its published script differ
    #[arg(long = "as", value_parser = one_of(SOURCES), default_value = "paper")]
    source: Source,
    /// What the training minimises: minus the cosine, as the published code does, or its angle, as the paper's text has it
    #[arg(long, value_parser = one_of(LOSSES), default_value = "cosine")]
    loss: PaperLoss,
    /// Evaluate and cluster by this model instead of training one
    #[arg(long)]
    model: Option<PathBuf>,
    /// Train with each of the losses too, on frozen features
    #[arg(long)]
    with_loss_issue: bool,
    /// The weights to start from [default: the shipped mobilenet_v2_imagenet.safetensors]
    #[arg(long)]
    weights: Option<PathBuf>,
    /// What is trained: head, blocks:N for the head and the last N blocks of the backbone's 19, or all
    #[arg(long, default_value = "all")]
    trainable: Trainable,
    /// Height and width that images are brought to for training, a multiple of 32 from 96 to 224 [default: the weights', 224]
    #[arg(long, value_parser = clap::value_parser!(u32).range(96..=224))]
    size: Option<u32>,
    /// Name, count and leave out images that cannot be read, instead of stopping at the first
    #[arg(long)]
    skip_unreadable: bool,
    /// Passes over the training images [default: 3 as in the paper, 12 as in the script; 12 for each loss]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: Option<u32>,
    /// Images an update [default: 64 as in the paper, 80 as in the script; 64 for each loss]
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    batch: Option<u32>,
    /// Images that pass at once, their gradients added up; batch norm then sees these alone [default: the batch]
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    micro_batch: Option<u32>,
    /// Faces to cluster, the first by name
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    faces: u32,
    /// A folder of other faces: every fifth face to cluster is one of these, the first by name, as the script took 100 of LFW
    /// beside 400 of CelebA
    #[arg(long, value_name = "DIR")]
    beside: Option<PathBuf>,
    /// Clusters of figures 6 and 7
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000))]
    k: u32,
    /// Look only at this part of each image, in percent [default: all; of the bundled portraits 10,0,80,80]
    #[arg(long, value_name = "LEFT,TOP,WIDTH,HEIGHT")]
    crop: Option<Crop>,
    /// Seed of every random number
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on with the losses that the folder holds; the other steps always do
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    device: GpuArguments,
}

const STEPS: &Choices<Step> = &[
    ("data", "What the data hold: partitions, and figure 1", Step::Data),
    ("train", "The paper's model", Step::Train),
    ("eval", "Table I", Step::Eval),
    ("loss-issue", "Whether networks that minimise other losses than the cosine ever predict rare attributes", Step::LossIssue),
    ("predict", "Attributes of the faces to cluster", Step::Predict),
    ("cluster", "Figure 6", Step::Cluster),
    ("weighted", "Figure 7", Step::Weighted),
    ("compare", "Figure 5", Step::Compare),
    ("report", "What the paper says beside what was found, and the HTML report", Step::Report),
];

const SOURCES: &Choices<Source> =
    &[("paper", "The paper's text", Source::Paper), ("script", "The published script and notebook", Source::Script)];

const LOSSES: &Choices<PaperLoss> = &[
    ("cosine", "Minus the cosine between labels and predictions", PaperLoss::Cosine),
    ("angle", "The angle between them", PaperLoss::Angle),
];

impl Reproduce {
    pub fn run(&self) -> Verdict {
        let display = Display::default();
        let context = display.context();
        let options = self.options();
        if self.only == Some(Step::LossIssue) {
            cancel_on_interrupt(&context.cancellation);
            reproduce_losses(&options, &context)?;
            return Ok(Outcome::Done);
        }
        let reproduction = Reproduction::open(&options, &context)?;
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
            k: self.k,
            crop: self.crop,
            seed: self.seed,
            resume: self.resume,
            device: self.device.options(),
        }
    }
}

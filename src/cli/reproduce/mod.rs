//! `lineament reproduce`

mod choices;
mod loss_issue;
mod state;
mod steps;
mod work;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::{Args, ValueEnum};
use lineament::data::Crop;
use lineament::evaluation::Reproduction;
use lineament::nn::Model;

use super::common::{GpuArguments, Misuse, interruption, make_run_folder, print_line};
use super::data::LabelArguments;
use super::train_options::Trainable;
use super::training::{Equipment, Fallible, check_data};
use super::{Outcome, Verdict};
use choices::{PaperLoss, Source};
use loss_issue::LossWork;
use state::{Record, State};
use steps::{Inputs, STEPS, Step};
use work::Work;

/// Do again what the paper did, step by step, and show what comes of it beside what the paper says
#[derive(Args)]
pub struct Reproduce {
    /// Only this step
    #[arg(long, value_enum)]
    only: Option<StepName>,
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
    #[arg(long = "as", value_enum, default_value = "paper")]
    source: Source,
    /// What the training minimises: minus the cosine, as the published code does, or its angle, as the paper's text has it
    #[arg(long, value_enum, default_value = "cosine")]
    loss: PaperLoss,
    /// Evaluate and cluster by this model instead of training one
    #[arg(long)]
    model: Option<PathBuf>,
    /// Train with each of the losses too, on frozen features
    #[arg(long)]
    with_loss_issue: bool,
    /// The weights to start from
    #[arg(long, default_value = "weights/mobilenet_v2_imagenet.safetensors")]
    weights: PathBuf,
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

/// The steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StepName {
    /// What the data hold: partitions, and figure 1
    Data,
    /// The paper's model
    Train,
    /// Table I
    Eval,
    /// Whether networks that minimise other losses than the cosine ever predict rare attributes
    LossIssue,
    /// Attributes of the faces to cluster
    Predict,
    /// Figure 6
    Cluster,
    /// Figure 7
    Weighted,
    /// Figure 5
    Compare,
    /// What the paper says beside what was found, and the HTML report
    Report,
}

impl StepName {
    /// Its name, as `--only` takes it.
    fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().to_string())
    }
}

impl Reproduce {
    pub fn run(&self) -> Verdict {
        if self.only == Some(StepName::LossIssue) {
            return self.losses_alone();
        }
        if self.source == Source::Script && self.trainable != Trainable::All && self.model.is_none() && !self.quick {
            return Err(Box::new(Misuse(
                "--as script starts from random numbers, of which nothing can stay as it is: leave --trainable at all".into(),
            )));
        }
        let work = Work::new(self)?;
        make_run_folder(&self.out)?;
        let mut state = State::read(&self.out)?;
        let wanted = |step: &&Step| self.only.is_none_or(|only| only == step.name);
        let steps: Vec<&Step> = STEPS.iter().filter(wanted).collect();
        for (number, step) in steps.iter().enumerate() {
            let what = format!("step {} of {}, {}: {} ({})", number + 1, steps.len(), step.name.name(), step.makes, step.place);
            do_step(&work, &mut state, step, &what)?;
            let left = steps.len() - number - 1;
            if left > 0 && work.stop.load(Ordering::Relaxed) {
                let name = step.name.name();
                return Err(format!("stopped after {name}, {left} steps before the end; the same command goes on").into());
            }
        }
        if self.only.is_none_or(|only| only == StepName::Report) {
            let reproduction = Reproduction::read(&self.out.join(work::REPRODUCTION))?;
            print_line(format_args!("{}\n{}", reproduction.to_text(), self.out.join("report.html").display()))?;
        }
        Ok(if work.complete.get() { Outcome::Done } else { Outcome::Incomplete })
    }

    /// `--only loss-issue`, which wants images and weights alone.
    fn losses_alone(&self) -> Verdict {
        let path = self.data.as_ref().ok_or_else(|| Misuse("--only loss-issue trains: give its images with --data".into()))?;
        let data = self.labels.open(path, &lineament::data::attributes::paper_attributes(), self.seed)?.dataset;
        check_data(path, &data)?;
        let model = Model::open(&self.weights, None)?;
        make_run_folder(&self.out)?;
        let device = self.device.open()?;
        let equipment = Equipment { device: &device, model: &model, data: &data, stop: &interruption() };
        self.losses(self.resume).run(&equipment)?;
        Ok(Outcome::Done)
    }

    fn losses(&self, resume: bool) -> LossWork<'_> {
        LossWork {
            out: &self.out,
            resume,
            skip_unreadable: self.skip_unreadable,
            epochs: self.epochs.unwrap_or(12),
            batch: self.batch.unwrap_or(64),
            seed: self.seed,
        }
    }
}

/// Does a step unless it is done, and records it.
fn do_step(work: &Work, state: &mut State, step: &Step, what: &str) -> Fallible<()> {
    let (run, name) = (&work.arguments.out, step.name.name());
    let inputs = match (step.inputs)(work)? {
        Inputs::Of(inputs) => inputs,
        Inputs::Skip(reason) => {
            eprintln!("{what}: left out, {reason}");
            if step.name == StepName::Compare {
                // What an earlier model made of its faces says nothing of these.
                let mut there = step.files.iter().map(|file| run.join(file)).filter(|path| path.is_file());
                there.try_for_each(std::fs::remove_file)?;
            }
            let record = Record { inputs: serde_json::Value::Null, finished: true, seconds: 0.0, skipped: Some(reason) };
            return state.put(run, &name, record);
        }
    };
    if state.is_done(run, &name, &inputs, step.files) {
        eprintln!("{what}: done before");
        return Ok(());
    }
    eprintln!("{what}");
    let before = state.steps.get(&name).cloned();
    let started = Instant::now();
    let record = |finished, seconds| Record { inputs: inputs.clone(), finished, seconds, skipped: None };
    state.put(run, &name, record(false, 0.0))?;
    (step.run)(work, before.as_ref())?;
    state.put(run, &name, record(true, started.elapsed().as_secs_f64()))
}

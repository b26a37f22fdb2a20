//! Reproduces the paper step by step, and compares the results with those in the paper.

mod choices;
mod loss_issue;
mod state;
mod steps;
mod work;

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use super::{
    Context, DeviceOptions, Error, FaceSelection, LabelSelection, RunFolder, Trainable, check_training_data, model_path,
    open_device,
};
use crate::data::attributes::paper_attributes;
use crate::data::{Crop, ImageSource, StoredOrientation, find_images};
use crate::evaluation;
use crate::nn::Model;
use crate::nn::weights::IMAGENET_MODEL;
pub use choices::{PaperLoss, Source};
use loss_issue::LossWork;
use state::{Record, State};
use steps::{Inputs, STEPS, StepPlan};
use work::Work;

/// What a reproduction does with stored orientations: it ignores them, as Keras' `load_img` did. CelebA's images have none.
const ORIENTATION: StoredOrientation = StoredOrientation::Ignored;

/// A step of the reproduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Describes the data: partitions and figure 1.
    Data,
    /// Trains the paper's model.
    Train,
    /// Evaluates the model: table I.
    Eval,
    /// Checks whether networks trained with other losses than the cosine predict rare attributes.
    LossIssue,
    /// Predicts the attributes of the faces to cluster.
    Predict,
    /// Clusters the faces: figure 6.
    Cluster,
    /// Clusters the faces by weighted attributes: figure 7.
    Weighted,
    /// Compares clustering methods: figure 5.
    Compare,
    /// Compares the results with the paper's, and writes the HTML report.
    Report,
}

impl Step {
    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Step::Data => "data",
            Step::Train => "train",
            Step::Eval => "eval",
            Step::LossIssue => "loss-issue",
            Step::Predict => "predict",
            Step::Cluster => "cluster",
            Step::Weighted => "weighted",
            Step::Compare => "compare",
            Step::Report => "report",
        }
    }
}

/// Options of a reproduction.
#[derive(Debug, Clone)]
pub struct ReproductionOptions {
    /// CelebA, or a folder of images with a label CSV; `None` takes the bundled portraits.
    pub data: Option<PathBuf>,
    /// The selection of labels and images.
    pub labels: LabelSelection,
    /// The run folder. Steps that were completed there with the same settings are skipped.
    pub out: PathBuf,
    /// Whether to use the shipped model and train nothing.
    pub quick: bool,
    /// The source of the settings.
    pub source: Source,
    /// The loss that the training minimises.
    pub loss: PaperLoss,
    /// The model to evaluate and to cluster with; `None` trains one.
    pub model: Option<PathBuf>,
    /// Whether to train the head with each of several losses, too.
    pub with_loss_issue: bool,
    /// The weights to start from; `None` takes the shipped ImageNet weights.
    pub weights: Option<PathBuf>,
    /// The layers that are trained.
    pub trainable: Trainable,
    /// Height and width of the images in training; `None` takes the size of the weights.
    pub size: Option<u32>,
    /// Whether images that cannot be read are reported and left out.
    pub skip_unreadable: bool,
    /// Number of passes over the training images; `None` takes that of the source.
    pub epochs: Option<u32>,
    /// Number of images in each update; `None` takes that of the source.
    pub batch: Option<u32>,
    /// Number of images in each part of a batch; `None` takes the whole batch.
    pub micro_batch: Option<u32>,
    /// Number of faces to cluster.
    pub faces: u32,
    /// A folder of further faces: every fifth face to cluster is taken from it.
    pub beside: Option<PathBuf>,
    /// Whether the pictures below `beside` are used as they are, or their largest faces are found and aligned.
    pub beside_faces: FaceSelection,
    /// Number of clusters in figures 6 and 7.
    pub k: u32,
    /// The part of each image that is used; `None` takes the whole image, or 10,0,80,80 of the bundled portraits.
    pub crop: Option<Crop>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Whether to continue the loss-issue trainings in the run folder. The other steps always continue.
    pub resume: bool,
    /// Options for opening the adapter, which happens when it is first needed.
    pub device: DeviceOptions,
}

impl ReproductionOptions {
    /// Returns the options of a reproduction in a run folder, with the settings in the paper's text.
    pub fn new(out: &Path) -> ReproductionOptions {
        ReproductionOptions {
            data: None,
            labels: LabelSelection::default(),
            out: out.to_path_buf(),
            quick: false,
            source: Source::Paper,
            loss: PaperLoss::Cosine,
            model: None,
            with_loss_issue: false,
            weights: None,
            trainable: Trainable::All,
            size: None,
            skip_unreadable: false,
            epochs: None,
            batch: None,
            micro_batch: None,
            faces: 500,
            beside: None,
            beside_faces: FaceSelection::AsIs,
            k: 16,
            crop: None,
            seed: 0,
            resume: false,
            device: DeviceOptions::default(),
        }
    }

    fn weights(&self) -> Result<PathBuf, Error> {
        model_path(self.weights.as_deref(), IMAGENET_MODEL)
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

/// The result of a reproduction.
#[derive(Debug, Clone)]
pub struct Reproduced {
    /// Whether every image could be used.
    pub complete: bool,
    /// The results compared with the paper's, if the report step ran.
    pub findings: Option<evaluation::Reproduction>,
    /// Path of the HTML report, if the report step ran.
    pub report: Option<PathBuf>,
}

/// Reproduces the paper.
pub struct Reproduction<'a> {
    work: Work<'a>,
}

impl<'a> Reproduction<'a> {
    /// Opens the data.
    ///
    /// # Errors
    /// The options contradict each other, or the data or the model cannot be used.
    pub fn open(options: &'a ReproductionOptions, context: &Context<'a>) -> Result<Reproduction<'a>, Error> {
        let trains = options.model.is_none() && !options.quick;
        if options.source == Source::Script && options.trainable != Trainable::All && trains {
            return Err(Error::Misuse(
                "--as script starts from random weights, so all layers must be trained; leave out --trainable".into(),
            ));
        }
        Ok(Reproduction { work: Work::new(options, context)? })
    }

    /// Does all steps, or only one. Steps that were completed in the run folder with the same inputs are skipped.
    ///
    /// # Errors
    /// A step fails, or the context is cancelled. A cancelled reproduction continues with the same call.
    pub fn run(&self, only: Option<Step>) -> Result<Reproduced, Error> {
        let work = &self.work;
        let run = RunFolder::create(&work.options.out)?;
        let mut state = State::read(&work.options.out)?;
        let steps: Vec<&StepPlan> = STEPS.iter().filter(|step| only.is_none_or(|only| only == step.step)).collect();
        for (number, step) in steps.iter().enumerate() {
            let name = step.step.name();
            let what = format!("step {} of {}, {name}: {} ({})", number + 1, steps.len(), step.makes, step.place);
            do_step(work, &mut state, step, &what)?;
            let left = steps.len() - number - 1;
            if left > 0 && work.context.cancellation.is_cancelled() {
                return Err(Error::CancelledAfterStep { step: name, left });
            }
        }
        let mut done = Reproduced { complete: work.complete.get(), findings: None, report: None };
        if only.is_none_or(|only| only == Step::Report) {
            done.findings = Some(evaluation::Reproduction::read(&run.at(work::REPRODUCTION))?);
            done.report = Some(run.at("report.html"));
        }
        Ok(done)
    }
}

/// Does only the step [`Step::LossIssue`], which needs images and weights but no model.
///
/// # Errors
/// No data are named, the data or the weights cannot be used, a training fails, or the context is cancelled.
pub fn reproduce_losses(options: &ReproductionOptions, context: &Context) -> Result<(), Error> {
    let missing = || Error::Misuse("--only loss-issue trains on images; name them with --data".into());
    let path = options.data.as_ref().ok_or_else(missing)?;
    let data = options.labels.open(path, &paper_attributes(), options.seed, context)?.dataset;
    check_training_data(path, &data, context)?;
    let model = Model::open(&options.weights()?, None)?;
    RunFolder::create(&options.out)?;
    let device = open_device(&options.device, context)?;
    options.losses(options.resume).run(&device, &model, &data, context)
}

/// Does a step and records it, unless it was completed before with the same inputs.
fn do_step(work: &Work, state: &mut State, step: &StepPlan, what: &str) -> Result<(), Error> {
    let (run, name) = (&work.options.out, step.step.name());
    let inputs = match (step.inputs)(work)? {
        Inputs::Of(inputs) => inputs,
        Inputs::Skip(reason) => {
            work.context.message(format!("{what}: skipped, {reason}"));
            // Earlier results may be of other faces or another model. A trained model is kept, because it took hours.
            if step.step != Step::Train {
                for path in step.files.iter().map(|file| run.join(file)).filter(|path| path.is_file()) {
                    std::fs::remove_file(&path).map_err(|source| Error::File { path, source })?;
                }
            }
            let record = Record { inputs: Value::Null, finished: true, seconds: 0.0, skipped: Some(reason) };
            return state.put(run, name, record);
        }
    };
    if state.is_done(run, name, &inputs, step.files) {
        work.context.message(format!("{what}: done before"));
        return Ok(());
    }
    work.context.message(what);
    let before = state.steps.get(name).cloned();
    let started = Instant::now();
    let record = |finished, seconds| Record { inputs: inputs.clone(), finished, seconds, skipped: None };
    state.put(run, name, record(false, 0.0))?;
    (step.run)(work, before.as_ref())?;
    state.put(run, name, record(true, started.elapsed().as_secs_f64()))
}

/// Returns the first images in a folder and all folders below it, in the order of their names. The LFW data set, for example, has
/// a folder for each person.
fn first_images(folder: &Path, count: usize, context: &Context) -> Result<Vec<ImageSource>, Error> {
    let mut found = find_images(&[folder.to_path_buf()])?;
    found.left_out.sentences().into_iter().for_each(|sentence| context.note(sentence));
    found.images.truncate(count);
    Ok(found.images)
}

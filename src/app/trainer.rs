//! Trains on labelled images: computes features, initialises the network, runs the training, and writes the model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use super::event::Event;
use super::open::default_batch;
use super::pass::{Pass, run_images};
use super::predict::weights_of;
use super::run_folder::{RunFolder, write_file};
use super::train::{
    FeatureSource, FeatureTable, Run, SampleSource, TrainError, TrainedNetwork, TrainingData, TrainingSettings, checkpoint_in,
    extract_features, predict_rows, train_network, write_model,
};
use crate::data::atomic::remove_abandoned;
use crate::data::prefetch::decoding_threads;
use crate::data::source::versions;
use crate::data::{Dataset, Partition, StoredOrientation, Unreadable, decode_ahead};
use crate::evaluation::Metrics;
use crate::nn::Convolution;
use crate::nn::random;
use crate::nn::training::{FrozenNorm, HeadShape, NetworkShape, NetworkState, RunningStatistics, first_of_last_blocks};
use crate::nn::weights::{StoredPrecision, WeightsFile};
use crate::nn::{Head, Model, ModelError, Normalisation, Top, keys};
use crate::ops::Interpolation;
use crate::profiles::Device;

/// File in a run folder with the trained model, in half precision.
pub const MODEL_FILE: &str = "model.safetensors";
/// File in a run folder with the figures of the trained model on the validation images.
const METRICS_FILE: &str = "metrics.csv";
/// Width of the paper's hidden layer.
pub const PAPER_HIDDEN: u32 = 1536;
/// Share of the hidden values that the paper's dropout sets to zero.
pub const PAPER_DROPOUT: f32 = 0.3;
const INTERPOLATION: Interpolation = Interpolation::Nearest;

/// The layers that are trained.
///
/// ```
/// use lineament::app::Trainable;
///
/// assert_eq!("blocks:4".parse(), Ok(Trainable::Blocks(4)));
/// assert!("blocks:20".parse::<Trainable>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trainable {
    /// The layers after the backbone.
    Head,
    /// The layers after the backbone, and the given number of its last blocks.
    Blocks(usize),
    /// All layers.
    All,
}

impl Trainable {
    /// Returns the index of the first layer that is trained.
    fn first_trained(self, layers: &[Convolution]) -> usize {
        match self {
            Trainable::Head => layers.len(),
            Trainable::Blocks(blocks) => first_of_last_blocks(layers, blocks),
            Trainable::All => 0,
        }
    }
}

impl std::str::FromStr for Trainable {
    type Err = String;

    /// Reads `head`, `all`, or `blocks:N` with N from 1 to 19.
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

/// Options of a training. The defaults train the paper's head on features of the frozen backbone.
#[derive(Debug, Clone)]
pub struct TrainerOptions {
    /// The layers that are trained.
    pub trainable: Trainable,
    /// How batch norm runs in layers that are not trained.
    pub frozen_norm: FrozenNorm,
    /// Share of the backbone's running statistics that is kept in each step.
    pub momentum: f32,
    /// How the statistics of a batch update the running statistics.
    pub running_statistics: RunningStatistics,
    /// Width of the hidden layer.
    pub hidden: u32,
    /// Share of the hidden values that dropout sets to zero.
    pub dropout: f32,
    /// Whether the network starts from random weights instead of the model's weights.
    pub random_start: bool,
    /// Whether images that cannot be read are reported and left out instead of ending the run.
    pub skip_unreadable: bool,
    /// What to do with the orientation that a camera stored.
    pub orientation: StoredOrientation,
    /// Whether to continue the run in the folder.
    pub resume: bool,
    /// Whether to remove the checkpoints of an earlier run in the folder and to start again. The features of the images are kept.
    pub restart: bool,
    /// Batches, epochs, loss, optimizer and augmentation.
    pub settings: TrainingSettings,
}

impl Default for TrainerOptions {
    fn default() -> TrainerOptions {
        TrainerOptions {
            trainable: Trainable::Head,
            frozen_norm: FrozenNorm::Inference,
            momentum: 0.999,
            running_statistics: RunningStatistics::Tensorflow,
            hidden: PAPER_HIDDEN,
            dropout: PAPER_DROPOUT,
            random_start: false,
            skip_unreadable: false,
            orientation: StoredOrientation::Applied,
            resume: false,
            restart: false,
            settings: TrainingSettings::default(),
        }
    }
}

impl TrainerOptions {
    /// Returns whether the network can take features of the backbone, computed once, as its input.
    pub fn takes_features(&self) -> bool {
        self.trainable == Trainable::Head
            && self.settings.augmentation.is_none()
            && self.frozen_norm == FrozenNorm::Inference
            && !self.random_start
    }
}

/// The result of a training.
#[derive(Debug, Clone)]
pub struct Training {
    /// The epoch with the best validation accuracy, from 1.
    pub epoch: u32,
    /// Figures of the model in the file, on the validation images.
    pub metrics: Metrics,
    /// Path of the model's file.
    pub model: PathBuf,
}

/// Trains a network on labelled images.
pub struct Trainer<'a> {
    device: &'a Device,
    model: &'a Model,
    data: &'a Dataset,
    options: TrainerOptions,
    context: Context<'a>,
}

impl<'a> Trainer<'a> {
    /// Returns a trainer that starts from `model`. A head in the model is kept if it predicts the attributes of the data.
    pub fn new(device: &'a Device, model: &'a Model, data: &'a Dataset, options: TrainerOptions) -> Trainer<'a> {
        Trainer { device, model, data, options, context: Context::default() }
    }

    /// Returns this trainer with a context.
    pub fn with_context(self, context: &Context<'a>) -> Trainer<'a> {
        Trainer { context: context.clone(), ..self }
    }

    /// Returns the details of a training that a run folder records: the weights it starts from, and the data.
    pub fn details(&self) -> Map<String, Value> {
        let mut details = weights_of(self.model);
        details.insert("images".into(), json!(self.data.len()));
        details.insert("attributes".into(), json!(self.data.attributes));
        details
    }

    /// Trains in a run folder, which is created if it is missing. Writes checkpoints, the history, the model, and the model's
    /// figures on the validation images to it.
    ///
    /// # Errors
    /// The folder contains another run, an image cannot be read, the loss is no longer finite, a file cannot be written, the
    /// device fails, or the context is cancelled. A run that was cancelled can be resumed.
    pub fn train(&self, folder: &Path) -> Result<Training, Error> {
        let shape = self.shape();
        self.options.settings.check_precision(&shape, self.device.capabilities())?;
        let _lock = RunFolder::create(folder)?.lock()?;
        // These would otherwise fail only after the features of all images were computed.
        self.options.settings.check(&shape)?;
        if let (false, false, Some(path)) = (self.options.resume, self.options.restart, checkpoint_in(folder)) {
            return Err(TrainError::EarlierRun { path }.into());
        }
        let data = self.data;
        let (table, identities);
        let (source, [train_rows, validation_rows]) = if self.options.takes_features() {
            table = self.features(folder)?;
            (SampleSource::Features(&table), rows_of(data).map(|rows| table.readable(&rows)))
        } else {
            let readable = self.readable()?;
            let (scale, shift) = self.model.convention.input.multiplier_and_offset();
            let normalisation = Normalisation { scale, shift };
            identities = self.identities()?;
            let orientation = self.options.orientation;
            let source = SampleSource::Images { images: &data.images, names: &identities, orientation, normalisation };
            (source, rows_of(data).map(|rows| rows.into_iter().filter(|row| readable[*row as usize]).collect()))
        };
        let training = TrainingData {
            source,
            labels: &data.labels,
            attributes: data.attributes.len() as u32,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
        };
        let initial = self.initial(&shape)?;
        let trained = self.run(folder, &training, &shape, initial)?;
        let metrics = self.write_result(folder, &training, &shape, &trained)?;
        Ok(Training { epoch: trained.epoch, metrics, model: folder.join(MODEL_FILE) })
    }

    /// Returns the backbone's features of all images, which are computed once and kept in a folder.
    pub(super) fn features(&self, folder: &Path) -> Result<FeatureTable, Error> {
        let Trainer { device, model, data, ref context, .. } = *self;
        context.start("", "images, features of the backbone", data.len());
        let source = FeatureSource {
            model,
            images: &data.images,
            names: &data.names,
            batch: default_batch(device),
            interpolation: INTERPOLATION,
            orientation: self.options.orientation,
        };
        let tell = |reason: &str| context.send(Event::Skipped(reason.to_string()));
        let mut unreadable = Unreadable::new(self.options.skip_unreadable, &tell);
        let flag = context.cancellation.flag();
        let features = extract_features(device, &source, folder, &mut unreadable, flag, |done| context.advance(done as usize));
        context.finish();
        self.tell_skipped(unreadable.count());
        Ok(features?)
    }

    /// Returns the network that is trained.
    pub(super) fn shape(&self) -> NetworkShape {
        let Trainer { model, data, ref options, .. } = *self;
        let shape = NetworkShape {
            network: model.network(),
            first_trained: options.trainable.first_trained(model.backbone.layers()),
            frozen_norm: options.frozen_norm,
            momentum: options.momentum,
            running_statistics: options.running_statistics,
            size: model.size,
        };
        let shape = shape.with_head(HeadShape {
            features: model.backbone.features(),
            hidden: Some(options.hidden),
            attributes: data.attributes.len() as u32,
            dropout: options.dropout,
            momentum: 0.99,
        });
        if options.takes_features() { shape.without_backbone() } else { shape }
    }

    /// Returns which images can be read. They are checked beforehand only if unreadable ones are to be left out, so that every
    /// epoch, and a resumed run, leaves out the same images.
    fn readable(&self) -> Result<Vec<bool>, Error> {
        let Trainer { data, ref context, .. } = *self;
        let mut readable = vec![true; data.len()];
        if !self.options.skip_unreadable {
            return Ok(readable);
        }
        context.start("", "images checked", data.len());
        let tell = |reason: &str| context.send(Event::Skipped(reason.to_string()));
        let mut unreadable = Unreadable::new(true, &tell);
        for (index, image) in decode_ahead(data.images.clone(), decoding_threads(), 64, self.options.orientation) {
            if context.cancellation.is_cancelled() {
                return Err(Error::CancelledBeforeTraining);
            }
            readable[index] = unreadable.admit(index, image)?.is_some();
            context.advance(index + 1);
        }
        context.finish();
        self.tell_skipped(unreadable.count());
        Ok(readable)
    }

    /// Returns the name and the version of each image. They reveal images that were replaced between two sittings of a run.
    fn identities(&self) -> Result<Vec<String>, Error> {
        let Trainer { data, ref context, .. } = *self;
        context.start("", "images read, to notice changes", data.len());
        let versions = versions(&data.images, context.cancellation.flag(), |done| context.advance(done));
        context.finish();
        let versions = versions.ok_or(Error::CancelledBeforeTraining)?;
        Ok(data.names.iter().zip(versions).map(|(name, version)| format!("{name} {version}")).collect())
    }

    fn tell_skipped(&self, count: usize) {
        if count > 0 {
            self.context.note(format!("{count} of {} images cannot be read and are left out", self.data.len()));
        }
    }

    /// Returns the network before training: the model's weights, or random weights drawn from the seed. If the model has no head
    /// for these attributes, a new head is drawn from the seed.
    pub(super) fn initial(&self, shape: &NetworkShape) -> Result<NetworkState, Error> {
        let Trainer { model, data, ref options, .. } = *self;
        let (seed, random_start) = (options.settings.seed, options.random_start);
        let hidden = shape.head().hidden.unwrap_or(0);
        let head = match &model.top {
            Top::Attributes(head) if !random_start && model.attributes == data.attributes && head.hidden == hidden => {
                head.clone()
            }
            _ => random::initial_head(seed, shape.head().features, hidden, shape.head().attributes),
        };
        let (first, _) = model.files.first().ok_or(Error::NoFile)?;
        let backbone = WeightsFile::open(first)?;
        let tensor = |name: &str, shape: &[usize]| -> Result<Vec<f32>, ModelError> {
            match Head::TENSORS.iter().position(|tensor| *tensor == name) {
                Some(place) => Ok(head.tensors[place].clone()),
                None if random_start => Ok(random::initial_backbone_tensor(seed, name, shape)),
                None => Ok(backbone.f32(name, shape)?),
            }
        };
        Ok(NetworkState::read(shape, &tensor)?)
    }

    /// Trains a network and keeps its checkpoints and its history in a folder.
    pub(super) fn run(
        &self,
        folder: &Path,
        training: &TrainingData,
        shape: &NetworkShape,
        initial: NetworkState,
    ) -> Result<TrainedNetwork, Error> {
        let Trainer { device, model, data, ref options, ref context } = *self;
        let checkpoints = folder.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(|source| Error::File { path: checkpoints.clone(), source })?;
        remove_abandoned(&checkpoints);
        let settings = &options.settings;
        if settings.micro_batch < settings.batch {
            let (micro, batch) = (settings.micro_batch, settings.batch);
            context.note(format!(
                "batches of {batch} images are split into parts of {micro}, and batch norm sees one part at a time"
            ));
        }
        context.start("", "steps", 0);
        let hashes = model.files.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>().join(" ");
        let weights = if options.random_start { "random".to_string() } else { hashes };
        let mut depends = vec![("weights", weights), ("attribute_names", data.attributes.join(","))];
        depends.push(("stored_orientations", format!("{:?}", options.orientation).to_lowercase()));
        depends.extend(device.profile().winners().map(|winners| ("tuning", winners.digest())));
        let mut run = Run {
            folder: Some(folder),
            resume: options.resume,
            restart: options.restart,
            depends,
            metadata: metadata(model, data, shape),
            decoding_threads: decoding_threads(),
            stop: context.cancellation.flag(),
            progress: &mut |progress| context.send(Event::Training { progress, batch: settings.batch }),
        };
        let trained = train_network(device, training, shape, initial, settings, &mut run);
        context.finish();
        Ok(trained?)
    }

    /// Writes the model and its figures on the validation images, and returns the figures.
    pub(super) fn write_result(
        &self,
        folder: &Path,
        training: &TrainingData,
        shape: &NetworkShape,
        trained: &TrainedNetwork,
    ) -> Result<Metrics, Error> {
        let Trainer { device, model, data, .. } = *self;
        let path = folder.join(MODEL_FILE);
        write_model(&path, shape, &trained.best, &metadata(model, data, shape), StoredPrecision::F16)?;
        // The figures are those of the file, which has half precision.
        let probabilities = match training.source {
            SampleSource::Features(table) => {
                predict_rows(device, &Head::read(&WeightsFile::open(&path)?)?, table, training.validation_rows)?
            }
            SampleSource::Images { .. } => self.predict_images(&path, training.validation_rows)?,
        };
        let labels: Vec<u8> = training.validation_rows.iter().flat_map(|row| data.labels_of(*row as usize)).copied().collect();
        let metrics = Metrics::new(&data.attributes, &probabilities, &labels);
        write_file(&folder.join(METRICS_FILE), &metrics.to_csv()?)?;
        Ok(metrics)
    }

    /// Returns the probabilities that the model in a file predicts for images, shape \[rows, attributes\].
    fn predict_images(&self, path: &Path, rows: &[u32]) -> Result<Vec<f32>, Error> {
        let Trainer { device, data, ref context, .. } = *self;
        let backbone = self.model.files.first().map(|(path, _)| path.as_path());
        let model = Model::open(path, backbone)?;
        let batch = default_batch(device);
        let mut runner = model.runner(device, batch, INTERPOLATION);
        let images = rows.iter().map(|row| data.images[*row as usize].clone()).collect();
        let mut probabilities = Vec::with_capacity(rows.len() * data.attributes.len());
        // A cancellation now would lose a model that is already trained.
        let context = Context { cancellation: Default::default(), ..context.clone() };
        let pass = Pass { images, batch, crop: None, orientation: self.options.orientation, task: "figures of the model" };
        let left = run_images(device, &mut runner, None, pass, &context, |_, _, row| probabilities.extend_from_slice(row))?;
        match left.failures.into_iter().next() {
            Some(failure) => Err(Error::Image(failure.reason)),
            None => Ok(probabilities),
        }
    }
}

/// Returns the rows of the training and validation images.
pub(super) fn rows_of(data: &Dataset) -> [Vec<u32>; 2] {
    [Partition::Train, Partition::Validation]
        .map(|partition| data.indices_of(partition).into_iter().map(|row| row as u32).collect())
}

/// Returns the metadata of a trained model's file: a head names its backbone, a whole network says how its images are scaled.
fn metadata(model: &Model, data: &Dataset, shape: &NetworkShape) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::from([
        (keys::ATTRIBUTES.to_string(), data.attributes.join(",")),
        (keys::SIZE.to_string(), model.size.to_string()),
    ]);
    if shape.first_trained < shape.convolutions() {
        metadata.extend(model.convention.to_metadata());
        return metadata;
    }
    let backbone = model.files.first();
    let name = backbone.and_then(|(path, _)| path.file_name()).map_or(String::new(), |name| name.to_string_lossy().into_owned());
    metadata.insert(keys::BACKBONE_SHA256.to_string(), backbone.map_or(String::new(), |(_, hash)| hash.clone()));
    metadata.insert(keys::BACKBONE_FILE.to_string(), name);
    metadata
}

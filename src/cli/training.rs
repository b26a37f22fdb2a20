//! What verbs that train share: the features, the network before training, a run with what is shown of it, and what it leaves.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use lineament::app::train::{
    FeatureSource, FeatureTable, Progress, Run, SampleSource, TrainedNetwork, TrainingData, TrainingSettings, extract_features,
    predict_rows, train_network, write_model,
};
use lineament::data::attributes::paper_attributes;
use lineament::data::prefetch::decoding_threads;
use lineament::data::{Dataset, Partition, Unreadable, decode_ahead, write_atomically};
use lineament::evaluation::Metrics;
use lineament::nn::random;
use lineament::nn::training::{FrozenNorm, HeadShape, NetworkShape, NetworkState, RunningStatistics};
use lineament::nn::weights::{StoredPrecision, WeightsFile};
use lineament::nn::{Head, Model, ModelError, Normalisation, Top, keys};
use lineament::ops::Interpolation;
use lineament::profiles::Device;
use serde_json::{Map, Value, json};

use super::common::{default_batch, progress};
use super::data::DataArguments;

/// The trained model in half precision.
pub const MODEL: &str = "model.safetensors";
/// Figures of the trained model on the validation images.
const METRICS: &str = "metrics.csv";
const INTERPOLATION: Interpolation = Interpolation::Nearest;

pub type Fallible<T> = Result<T, Box<dyn Error>>;

/// What one trains with.
pub struct Equipment<'a> {
    pub device: &'a Device,
    /// What training starts from.
    pub model: &'a Model,
    pub data: &'a Dataset,
    /// Stops a run, which saves where it is.
    pub stop: &'a AtomicBool,
}

/// What of a network is trained, and how its head is made.
pub struct Design {
    /// The backbone's layers; none where its features are the input.
    pub takes_features: bool,
    /// The position of the first layer that is trained.
    pub first_trained: usize,
    /// How batch norm runs in layers that are not trained.
    pub frozen_norm: FrozenNorm,
    /// What the backbone's running statistics keep in a step.
    pub momentum: f32,
    /// How the statistics of batches become running ones.
    pub running_statistics: RunningStatistics,
    /// Width of the hidden layer.
    pub hidden: u32,
    /// Share of hidden values that is dropped.
    pub dropout: f32,
}

/// Opens data with images for training and for validation, and says what it holds.
pub fn open_data(arguments: &DataArguments, seed: u64) -> Fallible<Dataset> {
    let data = arguments.labels.open(&arguments.data, &paper_attributes(), seed)?.dataset;
    check_data(&arguments.data, &data)?;
    Ok(data)
}

/// Requires images for training and for validation, and says what the data hold.
pub fn check_data(path: &Path, data: &Dataset) -> Fallible<()> {
    data.require(path, &[Partition::Train, Partition::Validation])?;
    let constant = data.constant_attributes(Partition::Train);
    if !constant.is_empty() {
        let names = constant.join(", ");
        eprintln!("warning: all training images are labelled alike for {names}; nothing can be learnt of that");
    }
    let count = |partition| data.indices_of(partition).len();
    let [train, validation] = [count(Partition::Train), count(Partition::Validation)];
    eprintln!("data: {train} training images, {validation} validation images, {} attributes", data.attributes.len());
    Ok(())
}

/// How a network is trained, where it starts and what of it changes.
pub struct Course {
    /// Whether the backbone's features, computed once, are the input.
    pub takes_features: bool,
    /// The position of the first layer that is trained, given all of them.
    pub first_trained: usize,
    /// How batch norm runs in layers that are not trained.
    pub frozen_norm: FrozenNorm,
    /// What the backbone's running statistics keep in a step.
    pub momentum: f32,
    /// How the statistics of batches become running ones.
    pub running_statistics: RunningStatistics,
    /// Width of the hidden layer.
    pub hidden: u32,
    /// Share of hidden values that is dropped.
    pub dropout: f32,
    /// Whether the backbone starts from random numbers and not from the file's weights.
    pub random_start: bool,
    /// Everything else.
    pub settings: TrainingSettings,
}

/// The images of the training and of the validation partition.
pub fn rows(data: &Dataset) -> [Vec<u32>; 2] {
    [Partition::Train, Partition::Validation]
        .map(|partition| data.indices_of(partition).into_iter().map(|row| row as u32).collect())
}

/// What a run folder's config.json says of where training started and of what on.
pub fn details(model: &Model, data: &Dataset) -> Map<String, Value> {
    let mut details = Map::new();
    let weights: Vec<_> =
        model.files.iter().map(|(path, hash)| json!({"file": path.display().to_string(), "sha256": hash})).collect();
    details.insert("weights".into(), json!(weights));
    details.insert("images".into(), json!(data.len()));
    details.insert("attributes".into(), json!(data.attributes));
    details
}

impl Equipment<'_> {
    /// The backbone's features of all images, computed once and kept in a folder.
    pub fn features(&self, folder: &Path, skip_unreadable: bool) -> Fallible<FeatureTable> {
        let Equipment { device, model, data, stop } = *self;
        let bar = progress(data.len() as u64, "images, features of the backbone");
        let source = FeatureSource {
            model,
            images: &data.images,
            names: &data.names,
            batch: default_batch(device),
            interpolation: INTERPOLATION,
        };
        let tell = |reason: &str| bar.suspend(|| eprintln!("skipped: {reason}"));
        let mut unreadable = Unreadable::new(skip_unreadable, &tell);
        let mut first = true;
        let features = extract_features(device, &source, folder, &mut unreadable, stop, |done| {
            bar.set_position(done);
            // What an earlier run computed says nothing of this one's speed.
            if std::mem::take(&mut first) {
                bar.reset_eta();
            }
        });
        bar.finish_and_clear();
        say_skipped(unreadable.count(), data);
        Ok(features?)
    }

    /// The network that is trained.
    pub fn shape(&self, design: Design) -> NetworkShape {
        let model = self.model;
        let shape = NetworkShape {
            network: model.network(),
            first_trained: design.first_trained,
            frozen_norm: design.frozen_norm,
            momentum: design.momentum,
            running_statistics: design.running_statistics,
            size: model.size,
        };
        let shape = shape.with_head(HeadShape {
            features: model.backbone.features(),
            hidden: Some(design.hidden),
            attributes: self.data.attributes.len() as u32,
            dropout: design.dropout,
            momentum: 0.99,
        });
        if design.takes_features { shape.without_backbone() } else { shape }
    }

    /// Trains a network in a run folder and writes its model there, with its figures on the validation images.
    pub fn follow(&self, course: &Course, (out, resume): (&Path, bool), skip_unreadable: bool) -> Fallible<(u32, Metrics)> {
        let Equipment { model, data, .. } = *self;
        let table;
        let (source, [train_rows, validation_rows]) = if course.takes_features {
            table = self.features(out, skip_unreadable)?;
            (SampleSource::Features(&table), rows(data).map(|rows| table.readable(&rows)))
        } else {
            let readable = self.readable(skip_unreadable)?;
            let (scale, shift) = model.convention.input.multiplier_and_offset();
            let normalisation = Normalisation { scale, shift };
            let source = SampleSource::Images { images: &data.images, names: &data.names, normalisation };
            (source, rows(data).map(|rows| rows.into_iter().filter(|row| readable[*row as usize]).collect()))
        };
        let training = TrainingData {
            source,
            labels: &data.labels,
            attributes: data.attributes.len() as u32,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
        };
        let shape = self.shape(Design {
            takes_features: course.takes_features,
            first_trained: course.first_trained,
            frozen_norm: course.frozen_norm,
            momentum: course.momentum,
            running_statistics: course.running_statistics,
            hidden: course.hidden,
            dropout: course.dropout,
        });
        let initial = self.initial(&shape, course.settings.seed, course.random_start)?;
        let trained = self.train((out, resume), &training, &shape, initial, &course.settings, course.random_start)?;
        Ok((trained.epoch, self.finish(out, &training, &shape, &trained)?))
    }

    /// Which images can be read. Only where unreadable ones are to be left out is this found out beforehand, so that every
    /// epoch, and a resumed run, leaves out the same.
    fn readable(&self, skip_unreadable: bool) -> Fallible<Vec<bool>> {
        let Equipment { data, stop, .. } = *self;
        let mut readable = vec![true; data.len()];
        if !skip_unreadable {
            return Ok(readable);
        }
        let bar = progress(data.len() as u64, "images looked at");
        let tell = |reason: &str| bar.suspend(|| eprintln!("skipped: {reason}"));
        let mut unreadable = Unreadable::new(true, &tell);
        for (index, image) in decode_ahead(data.images.clone(), decoding_threads(), 64) {
            if stop.load(Ordering::Relaxed) {
                return Err("stopped while looking at the images; nothing was trained yet".into());
            }
            readable[index] = unreadable.admit(index, image)?.is_some();
            bar.inc(1);
        }
        bar.finish_and_clear();
        say_skipped(unreadable.count(), data);
        Ok(readable)
    }

    /// The network before training: the file's weights, or random ones drawn by `seed`, with a new head, drawn by it too, where
    /// the file has none for these attributes.
    pub fn initial(&self, shape: &NetworkShape, seed: u64, random_start: bool) -> Fallible<NetworkState> {
        let Equipment { model, data, .. } = *self;
        let hidden = shape.head().hidden.unwrap_or(0);
        let head = match &model.top {
            Top::Attributes(head) if !random_start && model.attributes == data.attributes && head.hidden == hidden => {
                head.clone()
            }
            _ => random::initial_head(seed, shape.head().features, hidden, shape.head().attributes),
        };
        let (first, _) = model.files.first().ok_or("the model was read from no file")?;
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

    /// Trains a network, in a folder of its own for checkpoints and history.
    pub fn train(
        &self,
        (folder, resume): (&Path, bool),
        training: &TrainingData,
        shape: &NetworkShape,
        initial: NetworkState,
        settings: &TrainingSettings,
        random_start: bool,
    ) -> Fallible<TrainedNetwork> {
        let Equipment { device, model, data, stop } = *self;
        std::fs::create_dir_all(folder.join("checkpoints"))?;
        if settings.micro_batch < settings.batch {
            let (micro, batch) = (settings.micro_batch, settings.batch);
            eprintln!("note: {micro} of {batch} images pass at once, and batch norm sees these alone");
        }
        let bar = progress(0, "steps");
        let mut display = Display { bar: &bar, batch: settings.batch, started: None, accuracy: None };
        let mut show = |progress| display.show(progress);
        let hashes = model.files.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>().join(" ");
        let weights = if random_start { "random".to_string() } else { hashes };
        let mut depends = vec![("weights", weights), ("attribute_names", data.attributes.join(","))];
        depends.extend(device.profile().winners().map(|tuning| ("tuning", tuning.digest())));
        let mut run = Run {
            folder: Some(folder),
            resume,
            depends,
            metadata: metadata(model, data, shape),
            decoding_threads: decoding_threads(),
            stop,
            progress: &mut show,
        };
        let trained = train_network(device, training, shape, initial, settings, &mut run);
        bar.finish_and_clear();
        Ok(trained?)
    }

    /// Writes the model, and its figures on the validation images, which it returns.
    pub fn finish(
        &self,
        folder: &Path,
        training: &TrainingData,
        shape: &NetworkShape,
        trained: &TrainedNetwork,
    ) -> Fallible<Metrics> {
        let Equipment { device, model, data, .. } = *self;
        let path = folder.join(MODEL);
        write_model(&path, shape, &trained.best, &metadata(model, data, shape), StoredPrecision::F16)?;
        // The figures are those of the file, with its half precision.
        let probabilities = match training.source {
            SampleSource::Features(table) => {
                predict_rows(device, &Head::read(&WeightsFile::open(&path)?)?, table, training.validation_rows)?
            }
            SampleSource::Images { .. } => predict_images(device, &path, model, data, training.validation_rows)?,
        };
        let labels: Vec<u8> = training.validation_rows.iter().flat_map(|row| data.labels_of(*row as usize)).copied().collect();
        let metrics = Metrics::new(&data.attributes, &probabilities, &labels);
        let table = metrics.to_csv()?;
        write_atomically(&folder.join(METRICS), |writer| writer.write_all(&table))?;
        Ok(metrics)
    }
}

/// Probabilities \[rows, attributes\] of images by the model in a file.
fn predict_images(device: &Device, path: &Path, trained_from: &Model, data: &Dataset, rows: &[u32]) -> Fallible<Vec<f32>> {
    let backbone = trained_from.files.first().map(|(path, _)| path.as_path());
    let model = Model::open(path, backbone)?;
    let batch = default_batch(device);
    let mut runner = model.runner(device, batch, INTERPOLATION);
    let images = rows.iter().map(|row| data.images[*row as usize].clone()).collect();
    let mut decoded = decode_ahead(images, decoding_threads(), 2 * batch as usize);
    let bar = progress(rows.len() as u64, "images, figures of the model");
    let mut probabilities = Vec::with_capacity(rows.len() * data.attributes.len());
    loop {
        let images: Vec<_> = decoded.by_ref().take(batch as usize).map(|(_, image)| image).collect::<Result<_, _>>()?;
        if images.is_empty() {
            bar.finish_and_clear();
            return Ok(probabilities);
        }
        probabilities.extend(runner.run(device, &images.iter().collect::<Vec<_>>())?);
        bar.inc(images.len() as u64);
    }
}

/// Says on stderr how many images were left out.
fn say_skipped(count: usize, data: &Dataset) {
    if count > 0 {
        eprintln!("note: {count} of {} images cannot be read and are left out", data.len());
    }
}

/// What the file of a trained model says of itself: a head names its backbone, a whole network how its images are scaled.
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

/// What is shown of a run on stderr.
struct Display<'a> {
    bar: &'a ProgressBar,
    batch: u32,
    /// When the steps of this sitting began, and how many were done before.
    started: Option<(std::time::Instant, usize)>,
    accuracy: Option<f64>,
}

/// Steps between two lines where stderr is no terminal.
const STEPS_A_LINE: usize = 20;

impl Display<'_> {
    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Memory { bytes, micro_batch } => {
                let gigabytes = bytes as f64 / 1e9;
                eprintln!(
                    "memory: {gigabytes:.2} GB on the device at {micro_batch} samples at once, planned before the first step"
                );
            }
            Progress::Step { epoch, epochs, step, steps, loss, accuracy } => {
                let (start, before) = *self.started.get_or_insert((std::time::Instant::now(), step));
                self.accuracy = accuracy.or(self.accuracy);
                let done = step.saturating_sub(before);
                let rate = done as f64 * f64::from(self.batch) / start.elapsed().as_secs_f64().max(1e-9);
                let right = self.accuracy.map_or(String::new(), |accuracy| format!(", accuracy {accuracy:.4}"));
                let message = format!("epoch {epoch} of {epochs}, loss {loss:.4}{right}, {rate:.1} img/s");
                self.bar.set_length(steps as u64);
                self.bar.set_position(step as u64);
                if self.bar.is_hidden() && step.is_multiple_of(STEPS_A_LINE) {
                    let left = (steps - step) as f64 * f64::from(self.batch) / rate.max(1e-9);
                    eprintln!("step {step} of {steps}: {message}, {left:.0} s left in the epoch");
                }
                self.bar.set_message(message);
            }
            Progress::Validation { done, samples } => {
                self.started = None;
                self.bar.set_message(format!("validation, {done} of {samples}"));
            }
            Progress::Epoch { record, best } => self.bar.suspend(|| {
                let mark = if best { "  best so far" } else { "" };
                eprintln!(
                    "epoch {}: loss {:.4}, accuracy {:.4}; validation loss {:.4}, accuracy {:.4}{mark}",
                    record.epoch, record.loss, record.accuracy, record.validation_loss, record.validation_accuracy
                );
            }),
        }
    }
}

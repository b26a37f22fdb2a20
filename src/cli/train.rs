//! `lineament train`

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::ProgressBar;
use lineament::data::attributes::paper_attributes;
use lineament::data::prefetch::decoding_threads;
use lineament::data::{Dataset, Partition, Unreadable, decode_ahead, write_atomically};
use lineament::evaluation::Metrics;
use lineament::gpu::Gpu;
use lineament::kernels::Interpolation;
use lineament::model::weights::{StoredPrecision, WeightsFile};
use lineament::model::{Head, Model, ModelError, Normalisation, Top, keys};
use lineament::train::network::{HeadShape, NetworkShape, NetworkState};
use lineament::train::{
    FeatureSource, FeatureTable, Progress, Run, SampleSource, TrainedNetwork, TrainingData, extract_features, predict_rows,
    random, train_network, write_model,
};
use serde_json::{Map, json};

use super::common::{GpuArguments, default_batch, interruption, make_run_folder, print_line, progress, record};
use super::data::DataArguments;
use super::train_options::TrainingArguments;
use super::{Outcome, Verdict};

/// Train on labelled faces: a head, some blocks of the backbone with it, or everything
#[derive(Args)]
pub struct Train {
    #[command(flatten)]
    data: DataArguments,
    /// The run folder: features, checkpoints, history, the trained model
    #[arg(long)]
    out: PathBuf,
    /// The weights to start from; a head among them is kept where it predicts the same attributes
    #[arg(long, default_value = "weights/mobilenet_v2_imagenet.safetensors")]
    weights: PathBuf,
    /// Name, count and leave out images that cannot be read, instead of stopping at the first
    #[arg(long)]
    skip_unreadable: bool,
    #[command(flatten)]
    training: TrainingArguments,
    /// Go on with the run that the folder holds
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    gpu: GpuArguments,
}

/// The trained model in half precision.
const MODEL: &str = "model.safetensors";
/// Figures of the trained model on the validation images.
const METRICS: &str = "metrics.csv";
const INTERPOLATION: Interpolation = Interpolation::Nearest;

type Fallible<T> = Result<T, Box<dyn Error>>;

impl Train {
    pub fn run(&self) -> Verdict {
        let data = self.open_data()?;
        let mut model = Model::open(&self.weights, None)?;
        model.size = self.training.size.unwrap_or(model.size);
        if !model.size.is_multiple_of(32) {
            return Err(format!("--size {}: is no multiple of 32, by which the network divides it", model.size).into());
        }
        make_run_folder(&self.out)?;
        std::fs::create_dir_all(self.out.join("checkpoints"))?;
        let gpu = self.gpu.open()?;
        let stop = interruption();
        self.record(&gpu, &model, &data)?;
        let attributes = data.attributes.len() as u32;
        let rows = |partition| data.indices_of(partition).into_iter().map(|row| row as u32).collect::<Vec<u32>>();
        let all = [rows(Partition::Train), rows(Partition::Validation)];

        let table;
        let (source, [train_rows, validation_rows]) = if self.training.takes_features() {
            table = self.features(&gpu, &model, &data, &stop)?;
            (SampleSource::Features(&table), all.map(|rows| table.readable(&rows)))
        } else {
            let readable = self.readable(&data, &stop)?;
            let (scale, shift) = model.convention.input.multiplier_and_offset();
            let normalisation = Normalisation { scale, shift };
            let source = SampleSource::Images { images: &data.images, names: &data.names, normalisation };
            (source, all.map(|rows| rows.into_iter().filter(|row| readable[*row as usize]).collect()))
        };
        let training =
            TrainingData { source, labels: &data.labels, attributes, train_rows: &train_rows, validation_rows: &validation_rows };
        let shape = self.shape(&model, &training);
        let initial = self.initial(&model, &data, &shape)?;
        let trained = self.train(&gpu, &model, &data, &training, &shape, initial, &stop)?;
        self.finish(&gpu, &model, &data, &training, &shape, &trained)?;
        Ok(Outcome::Done)
    }

    fn open_data(&self) -> Fallible<Dataset> {
        let data = self.data.open(&paper_attributes(), self.training.seed)?.dataset;
        data.require(&self.data.data, &[Partition::Train, Partition::Validation])?;
        let constant = data.constant_attributes(Partition::Train);
        if !constant.is_empty() {
            let names = constant.join(", ");
            eprintln!("warning: all training images are labelled alike for {names}; nothing can be learnt of that");
        }
        let count = |partition| data.indices_of(partition).len();
        let [train, validation] = [count(Partition::Train), count(Partition::Validation)];
        eprintln!("data: {train} training images, {validation} validation images, {} attributes", data.attributes.len());
        Ok(data)
    }

    fn record(&self, gpu: &Gpu, model: &Model, data: &Dataset) -> Fallible<()> {
        let mut details = Map::new();
        let weights: Vec<_> =
            model.files.iter().map(|(path, hash)| json!({"file": path.display().to_string(), "sha256": hash})).collect();
        details.insert("weights".into(), json!(weights));
        details.insert("images".into(), json!(data.len()));
        details.insert("attributes".into(), json!(data.attributes));
        record(&self.out, "train", Some(gpu), details)
    }

    fn features(&self, gpu: &Gpu, model: &Model, data: &Dataset, stop: &AtomicBool) -> Fallible<FeatureTable> {
        let bar = progress(data.len() as u64, "images, features of the backbone");
        let source = FeatureSource {
            model,
            images: &data.images,
            names: &data.names,
            batch: default_batch(gpu),
            interpolation: INTERPOLATION,
        };
        let tell = |reason: &str| bar.suspend(|| eprintln!("skipped: {reason}"));
        let mut unreadable = Unreadable::new(self.skip_unreadable, &tell);
        let mut first = true;
        let features = extract_features(gpu, &source, &self.out, &mut unreadable, stop, |done| {
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

    /// Which images can be read. Only where unreadable ones are to be left out is this found out beforehand, so that every
    /// epoch, and a resumed run, leaves out the same.
    fn readable(&self, data: &Dataset, stop: &AtomicBool) -> Fallible<Vec<bool>> {
        let mut readable = vec![true; data.len()];
        if !self.skip_unreadable {
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

    fn shape(&self, model: &Model, data: &TrainingData) -> NetworkShape {
        let takes_features = matches!(data.source, SampleSource::Features(_));
        let layers = if takes_features { Vec::new() } else { model.backbone.layers().to_vec() };
        NetworkShape {
            first_trained: self.training.first_trained(&layers),
            layers,
            frozen_norm: self.training.frozen_norm(),
            padding: model.convention.padding,
            epsilon: model.convention.epsilon,
            momentum: self.training.batch_norm_momentum,
            running_statistics: self.training.running_statistics(),
            size: model.size,
            head: HeadShape {
                features: model.backbone.features(),
                hidden: Some(self.training.hidden),
                attributes: data.attributes,
                dropout: self.training.dropout,
                momentum: 0.99,
            },
        }
    }

    /// The network before training: the file's weights, with a new head where it has none for these attributes.
    fn initial(&self, model: &Model, data: &Dataset, shape: &NetworkShape) -> Fallible<NetworkState> {
        let head = match &model.top {
            Top::Attributes(head) if model.attributes == data.attributes && head.hidden == self.training.hidden => head.clone(),
            _ => random::initial_head(self.training.seed, shape.head.features, self.training.hidden, shape.head.attributes),
        };
        let first = model.files.first().map_or(self.weights.as_path(), |(path, _)| path);
        let backbone = WeightsFile::open(first)?;
        let tensor = |name: &str, shape: &[usize]| -> Result<Vec<f32>, ModelError> {
            match Head::TENSORS.iter().position(|tensor| *tensor == name) {
                Some(place) => Ok(head.tensors[place].clone()),
                None => Ok(backbone.f32(name, shape)?),
            }
        };
        Ok(NetworkState::read(shape, &tensor)?)
    }

    #[allow(clippy::too_many_arguments)]
    fn train(
        &self,
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        training: &TrainingData,
        shape: &NetworkShape,
        initial: NetworkState,
        stop: &AtomicBool,
    ) -> Fallible<TrainedNetwork> {
        let settings = self.training.settings();
        if settings.micro_batch < settings.batch {
            let (micro, batch) = (settings.micro_batch, settings.batch);
            eprintln!("note: {micro} of {batch} images pass at once, and batch norm sees these alone");
        }
        let bar = progress(0, "steps");
        let mut display = Display { bar: &bar, batch: settings.batch, started: None, accuracy: None };
        let mut show = |progress| display.show(progress);
        let weights = model.files.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>().join(" ");
        let mut run = Run {
            folder: Some(&self.out),
            resume: self.resume,
            depends: vec![("weights", weights), ("attribute_names", data.attributes.join(","))],
            metadata: metadata(model, data, shape),
            stop,
            progress: &mut show,
        };
        let trained = train_network(gpu, training, shape, initial, &settings, &mut run);
        bar.finish_and_clear();
        Ok(trained?)
    }

    /// Writes the model and its figures on the validation images.
    fn finish(
        &self,
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        training: &TrainingData,
        shape: &NetworkShape,
        trained: &TrainedNetwork,
    ) -> Fallible<()> {
        let path = self.out.join(MODEL);
        write_model(&path, shape, &trained.best, &metadata(model, data, shape), StoredPrecision::F16)?;
        // The figures are those of the file, with its half precision.
        let probabilities = match training.source {
            SampleSource::Features(table) => {
                predict_rows(gpu, &Head::read(&WeightsFile::open(&path)?)?, table, training.validation_rows)?
            }
            SampleSource::Images { .. } => predict_images(gpu, &path, model, data, training.validation_rows)?,
        };
        let labels: Vec<u8> = training.validation_rows.iter().flat_map(|row| data.labels_of(*row as usize)).copied().collect();
        let metrics = Metrics::new(&data.attributes, &probabilities, &labels);
        let table = metrics.to_csv()?;
        write_atomically(&self.out.join(METRICS), |writer| writer.write_all(&table))?;
        let means = &metrics.means;
        let balanced = means.balanced_accuracy.map_or(String::new(), |share| format!(", balanced {share:.4}"));
        print_line(format_args!(
            "epoch {} of {}: validation accuracy {:.4}{balanced}; always guessing the majority {:.4}",
            trained.epoch, self.training.epochs, means.accuracy, means.majority_accuracy
        ))?;
        print_line(path.display())?;
        Ok(())
    }
}

/// Probabilities \[rows, attributes\] of images by the model in a file.
fn predict_images(gpu: &Gpu, path: &Path, trained_from: &Model, data: &Dataset, rows: &[u32]) -> Fallible<Vec<f32>> {
    let backbone = trained_from.files.first().map(|(path, _)| path.as_path());
    let model = Model::open(path, backbone)?;
    let batch = default_batch(gpu);
    let mut runner = model.runner(gpu, batch, INTERPOLATION);
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
        probabilities.extend(runner.run(gpu, &images.iter().collect::<Vec<_>>())?);
        bar.inc(images.len() as u64);
    }
}

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
    if shape.first_trained < shape.layers.len() {
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

//! `lineament train`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use lineament::data::attributes::paper_attributes;
use lineament::data::{Dataset, Partition, write_atomically};
use lineament::evaluation::Metrics;
use lineament::gpu::Gpu;
use lineament::kernels::Interpolation;
use lineament::model::weights::{StoredPrecision, WeightsFile, write_weights};
use lineament::model::{Head, Model, keys};
use lineament::train::{
    FeatureSource, FeatureTable, HeadRun, HeadTraining, Progress, TrainedHead, TrainingData, extract_features, predict_rows,
    train_head,
};
use serde_json::{Map, json};

use super::common::{GpuArguments, default_batch, interruption, make_run_folder, print_line, progress, record};
use super::data::DataArguments;
use super::{Outcome, Verdict};

/// Train a head on labelled faces; the backbone stays as it is
#[derive(Args)]
pub struct Train {
    #[command(flatten)]
    data: DataArguments,
    /// The run folder: features, checkpoints, history, the trained model
    #[arg(long)]
    out: PathBuf,
    /// The backbone's weights
    #[arg(long, default_value = "weights/mobilenet_v2_imagenet.safetensors")]
    weights: PathBuf,
    /// What is trained
    #[arg(long, value_enum, default_value = "head")]
    trainable: Trainable,
    /// Passes over the training images
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: u32,
    /// Images a step
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    batch: u32,
    /// Share of hidden values that is dropped
    #[arg(long, default_value_t = 0.3)]
    dropout: f32,
    /// AdaDelta's learning rate
    #[arg(long, default_value_t = 1.0)]
    learning_rate: f32,
    /// Seed of every random number
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on with the run that the folder holds
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    gpu: GpuArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Trainable {
    /// The layers after the backbone
    Head,
}

/// The trained head in half precision, naming its backbone.
const MODEL: &str = "model.safetensors";
/// Figures of the trained head on the validation images.
const METRICS: &str = "metrics.csv";
const INTERPOLATION: Interpolation = Interpolation::Nearest;

impl Train {
    pub fn run(&self) -> Verdict {
        let Trainable::Head = self.trainable;
        let data = self.data.open(&paper_attributes(), self.seed)?.dataset;
        let rows = |partition| data.indices_of(partition).into_iter().map(|row| row as u32).collect::<Vec<u32>>();
        let (train_rows, validation_rows) = (rows(Partition::Train), rows(Partition::Validation));
        eprintln!(
            "data: {} training images, {} validation images, {} attributes",
            train_rows.len(),
            validation_rows.len(),
            data.attributes.len()
        );
        let model = Model::open(&self.weights, None)?;
        make_run_folder(&self.out)?;
        std::fs::create_dir_all(self.out.join("checkpoints"))?;
        let gpu = self.gpu.open()?;
        let stop = interruption();
        self.record(&gpu, &model, &data)?;

        let features = self.features(&gpu, &model, &data, &stop)?;
        let training = TrainingData {
            features: &features,
            labels: &data.labels,
            attributes: data.attributes.len() as u32,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
        };
        let trained = self.train(&gpu, &model, &data, &training, &stop)?;
        self.finish(&gpu, &model, &data, &training, &trained)?;
        Ok(Outcome::Done)
    }

    fn record(&self, gpu: &Gpu, model: &Model, data: &Dataset) -> Result<(), Box<dyn std::error::Error>> {
        let mut details = Map::new();
        let weights: Vec<_> =
            model.files.iter().map(|(path, hash)| json!({"file": path.display().to_string(), "sha256": hash})).collect();
        details.insert("weights".into(), json!(weights));
        details.insert("images".into(), json!(data.len()));
        details.insert("attributes".into(), json!(data.attributes));
        record(&self.out, "train", Some(gpu), details)
    }

    fn features(
        &self,
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        stop: &AtomicBool,
    ) -> Result<FeatureTable, Box<dyn std::error::Error>> {
        let bar = progress(data.len() as u64, "images, features of the backbone");
        let source = FeatureSource {
            model,
            images: &data.images,
            names: &data.names,
            batch: default_batch(gpu),
            interpolation: INTERPOLATION,
        };
        let mut first = true;
        let features = extract_features(gpu, &source, &self.out, stop, |done| {
            bar.set_position(done);
            // What an earlier run computed says nothing of this one's speed.
            if std::mem::take(&mut first) {
                bar.reset_eta();
            }
        });
        bar.finish_and_clear();
        Ok(features?)
    }

    fn train(
        &self,
        gpu: &Gpu,
        model: &Model,
        data: &Dataset,
        training: &TrainingData,
        stop: &AtomicBool,
    ) -> Result<TrainedHead, Box<dyn std::error::Error>> {
        let settings = HeadTraining {
            batch: self.batch,
            epochs: self.epochs,
            seed: self.seed,
            dropout: self.dropout,
            learning_rate: self.learning_rate,
            ..HeadTraining::default()
        };
        let bar = progress(0, "steps");
        let mut show = |progress| show(&bar, progress);
        let mut run =
            HeadRun { folder: Some(&self.out), resume: self.resume, metadata: metadata(model, data), stop, progress: &mut show };
        let trained = train_head(gpu, training, &settings, &mut run);
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
        trained: &TrainedHead,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let path = self.out.join(MODEL);
        trained.head.stored(|tensors| write_weights(&path, tensors, &metadata(model, data), StoredPrecision::F16))?;
        // The figures are those of the file, with its half precision.
        let head = Head::read(&WeightsFile::open(&path)?)?;
        let probabilities = predict_rows(gpu, &head, training.features, training.validation_rows)?;
        let labels: Vec<u8> = training.validation_rows.iter().flat_map(|row| data.labels_of(*row as usize)).copied().collect();
        let metrics = Metrics::new(&data.attributes, &probabilities, &labels);
        let csv = metrics.to_csv()?;
        write_atomically(&self.out.join(METRICS), |writer| writer.write_all(&csv))?;
        let means = &metrics.means;
        let balanced = means.balanced_accuracy.map_or(String::new(), |share| format!(", balanced {share:.4}"));
        print_line(format_args!(
            "epoch {} of {}: validation accuracy {:.4}{balanced}; always guessing the majority {:.4}",
            trained.epoch, self.epochs, means.accuracy, means.majority_accuracy
        ))?;
        print_line(path.display())?;
        Ok(())
    }
}

/// What the file of a head says of itself.
fn metadata(model: &Model, data: &Dataset) -> BTreeMap<String, String> {
    let backbone = model.files.first();
    let name = backbone.and_then(|(path, _)| path.file_name()).map_or(String::new(), |name| name.to_string_lossy().into_owned());
    BTreeMap::from([
        (keys::BACKBONE_SHA256.to_string(), backbone.map_or(String::new(), |(_, hash)| hash.clone())),
        (keys::BACKBONE_FILE.to_string(), name),
        (keys::ATTRIBUTES.to_string(), data.attributes.join(",")),
        (keys::SIZE.to_string(), model.size.to_string()),
    ])
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Step { epoch, epochs, step, steps, loss } => {
            bar.set_length(steps as u64);
            bar.set_position(step as u64);
            let loss = loss.map_or(String::new(), |loss| format!(", loss {loss:.4}"));
            bar.set_message(format!("epoch {epoch} of {epochs}{loss}"));
        }
        Progress::Epoch { record, best } => bar.suspend(|| {
            let mark = if best { "  best so far" } else { "" };
            eprintln!(
                "epoch {}: loss {:.4}, accuracy {:.4}; validation loss {:.4}, accuracy {:.4}{mark}",
                record.epoch, record.loss, record.accuracy, record.validation_loss, record.validation_accuracy
            );
        }),
    }
}

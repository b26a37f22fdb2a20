//! `lineament train`

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use lineament::data::prefetch::decoding_threads;
use lineament::data::{Dataset, Unreadable, decode_ahead};
use lineament::model::{Model, Normalisation};
use lineament::train::{SampleSource, TrainingData};

use super::common::{GpuArguments, interruption, make_run_folder, print_line, progress, record};
use super::data::DataArguments;
use super::train_options::TrainingArguments;
use super::training::{Design, Equipment, Fallible, MODEL, details, open_data, rows, say_skipped};
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

impl Train {
    pub fn run(&self) -> Verdict {
        self.training.check()?;
        let data = open_data(&self.data, self.training.seed)?;
        let mut model = Model::open(&self.weights, None)?;
        model.size = self.training.size.unwrap_or(model.size);
        if !model.size.is_multiple_of(32) {
            return Err(format!("--size {}: is no multiple of 32, by which the network divides it", model.size).into());
        }
        make_run_folder(&self.out)?;
        let gpu = self.gpu.open()?;
        let stop = interruption();
        record(&self.out, "train", Some(&gpu), details(&model, &data))?;
        let equipment = Equipment { gpu: &gpu, model: &model, data: &data, stop: &stop };

        let table;
        let (source, [train_rows, validation_rows]) = if self.training.takes_features() {
            table = equipment.features(&self.out, self.skip_unreadable)?;
            (SampleSource::Features(&table), rows(&data).map(|rows| table.readable(&rows)))
        } else {
            let readable = self.readable(&data, &stop)?;
            let (scale, shift) = model.convention.input.multiplier_and_offset();
            let normalisation = Normalisation { scale, shift };
            let source = SampleSource::Images { images: &data.images, names: &data.names, normalisation };
            (source, rows(&data).map(|rows| rows.into_iter().filter(|row| readable[*row as usize]).collect()))
        };
        let training = TrainingData {
            source,
            labels: &data.labels,
            attributes: data.attributes.len() as u32,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
        };
        let layers = if self.training.takes_features() { Vec::new() } else { model.backbone.layers().to_vec() };
        let shape = equipment.shape(Design {
            first_trained: self.training.first_trained(&layers),
            layers,
            frozen_norm: self.training.frozen_norm(),
            momentum: self.training.batch_norm_momentum,
            running_statistics: self.training.running_statistics(),
            hidden: self.training.hidden,
            dropout: self.training.dropout,
        });
        let initial = equipment.initial(&shape, self.training.seed)?;
        let settings = self.training.settings();
        let trained = equipment.train((&self.out, self.resume), &training, &shape, initial, &settings)?;
        let means = equipment.finish(&self.out, &training, &shape, &trained)?.means;
        let balanced = means.balanced_accuracy.map_or(String::new(), |share| format!(", balanced {share:.4}"));
        print_line(format_args!(
            "epoch {} of {}: validation accuracy {:.4}{balanced}; always guessing the majority {:.4}",
            trained.epoch, self.training.epochs, means.accuracy, means.majority_accuracy
        ))?;
        print_line(self.out.join(MODEL).display())?;
        Ok(Outcome::Done)
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
}

//! `lineament train`

use std::path::PathBuf;

use clap::Args;
use lineament::nn::Model;

use super::common::{GpuArguments, interruption, make_run_folder, print_line, record};
use super::data::DataArguments;
use super::train_options::TrainingArguments;
use super::training::{Course, Equipment, MODEL, details, open_data};
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
    device: GpuArguments,
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
        let device = self.device.open()?;
        let stop = interruption();
        record(&self.out, "train", Some(&device), details(&model, &data))?;
        let equipment = Equipment { device: &device, model: &model, data: &data, stop: &stop };

        let takes_features = self.training.takes_features();
        let course = Course {
            takes_features,
            first_trained: if takes_features { 0 } else { self.training.first_trained(model.backbone.layers()) },
            frozen_norm: self.training.frozen_norm(),
            momentum: self.training.batch_norm_momentum,
            running_statistics: self.training.running_statistics(),
            hidden: self.training.hidden,
            dropout: self.training.dropout,
            random_start: false,
            settings: self.training.settings(),
        };
        let (epoch, metrics) = equipment.follow(&course, (&self.out, self.resume), self.skip_unreadable)?;
        let means = metrics.means;
        let balanced = means.balanced_accuracy.map_or(String::new(), |share| format!(", balanced {share:.4}"));
        print_line(format_args!(
            "epoch {} of {}: validation accuracy {:.4}{balanced}; always guessing the majority {:.4}",
            epoch, self.training.epochs, means.accuracy, means.majority_accuracy
        ))?;
        print_line(self.out.join(MODEL).display())?;
        Ok(Outcome::Done)
    }
}

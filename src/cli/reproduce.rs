//! `lineament reproduce`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lineament::evaluation::LossIssue;
use lineament::model::Model;
use lineament::train::network::{FrozenNorm, RunningStatistics};
use lineament::train::{SampleSource, TrainingData, TrainingSettings};
use serde_json::json;

use super::common::{GpuArguments, interruption, make_run_folder, print_line, record, write_out};
use super::data::DataArguments;
use super::train_options::{LossName, PAPER_DROPOUT, PAPER_HIDDEN};
use super::training::{Design, Equipment, Fallible, details, open_data, rows};
use super::{Outcome, Verdict};

/// Do again what the paper did, and show what comes of it
#[derive(Args)]
pub struct Reproduce {
    /// Which of the paper's findings
    #[arg(long, value_enum)]
    only: Finding,
    #[command(flatten)]
    data: DataArguments,
    /// The run folder: features, a folder for each loss with its checkpoints and its model, and the tables
    #[arg(long)]
    out: PathBuf,
    /// The weights to start from
    #[arg(long, default_value = "weights/mobilenet_v2_imagenet.safetensors")]
    weights: PathBuf,
    /// Name, count and leave out images that cannot be read, instead of stopping at the first
    #[arg(long)]
    skip_unreadable: bool,
    /// Passes over the training images, for each loss
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    epochs: u32,
    /// Images an update
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    batch: u32,
    /// Seed of every random number
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on with what the folder holds
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    gpu: GpuArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Finding {
    /// Whether networks that minimise other losses than the cosine ever predict rare attributes
    LossIssue,
}

/// The losses that are compared; each is named as `lineament train --loss` names it, and so is its folder.
const LOSSES: [LossName; 4] = [LossName::Cosine, LossName::Mse, LossName::Mae, LossName::Bce];

impl Reproduce {
    pub fn run(&self) -> Verdict {
        match self.only {
            Finding::LossIssue => self.loss_issue(),
        }
    }

    /// Trains the paper's head with each loss, from the same start on the same features.
    fn loss_issue(&self) -> Verdict {
        let data = open_data(&self.data, self.seed)?;
        let model = Model::open(&self.weights, None)?;
        make_run_folder(&self.out)?;
        let gpu = self.gpu.open()?;
        let stop = interruption();
        let equipment = Equipment { gpu: &gpu, model: &model, data: &data, stop: &stop };
        let table = equipment.features(&self.out, self.skip_unreadable)?;
        let [train_rows, validation_rows] = rows(&data).map(|rows| table.readable(&rows));
        let training = TrainingData {
            source: SampleSource::Features(&table),
            labels: &data.labels,
            attributes: data.attributes.len() as u32,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
        };
        let shape = equipment.shape(Design {
            layers: Vec::new(),
            first_trained: 0,
            frozen_norm: FrozenNorm::Inference,
            momentum: 0.999,
            running_statistics: RunningStatistics::Tensorflow,
            hidden: PAPER_HIDDEN,
            dropout: PAPER_DROPOUT,
        });
        let initial = equipment.initial(&shape, self.seed)?;
        let labels_of = |rows: &[u32]| rows.iter().flat_map(|row| data.labels_of(*row as usize)).copied().collect::<Vec<u8>>();
        let mut issue = LossIssue::new(&data.attributes, &labels_of(&train_rows), &labels_of(&validation_rows), self.epochs);
        for loss in LOSSES {
            let name = name_of(loss);
            eprintln!("loss: {name}");
            let settings = TrainingSettings {
                batch: self.batch,
                micro_batch: self.batch,
                epochs: self.epochs,
                seed: self.seed,
                loss: loss.into(),
                ..TrainingSettings::default()
            };
            let folder = self.out.join(&name);
            let trained = equipment.train((&folder, self.resume), &training, &shape, initial.clone(), &settings)?;
            let metrics = equipment.finish(&folder, &training, &shape, &trained)?;
            issue.add(&name, trained.epoch, &metrics);
        }
        let mut details = details(&model, &data);
        details.insert("losses".into(), json!(LOSSES.map(name_of)));
        record(&self.out, "reproduce", Some(&gpu), details)?;
        self.finish(&issue)?;
        Ok(Outcome::Done)
    }

    fn finish(&self, issue: &LossIssue) -> Fallible<()> {
        let mut json = serde_json::to_vec_pretty(issue)?;
        json.push(b'\n');
        write_out(Some(&self.out.join("loss_issue.csv")), &issue.to_csv()?)?;
        write_out(Some(&self.out.join("loss_issue.json")), &json)?;
        print_line(issue.to_text().trim_end())?;
        Ok(())
    }
}

fn name_of(loss: LossName) -> String {
    loss.to_possible_value().map_or(String::new(), |value| value.get_name().to_string())
}

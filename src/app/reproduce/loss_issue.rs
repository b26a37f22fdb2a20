//! The paper's loss issue: the same head is trained with several losses on one set of features.

use std::path::Path;

use serde_json::json;

use super::ORIENTATION;
use crate::app::train::{SampleSource, TrainingData, TrainingSettings};
use crate::app::trainer::rows_of;
use crate::app::{Context, Error, Event, RunFolder, Trainer, TrainerOptions, write_file, write_json};
use crate::data::Dataset;
use crate::evaluation::LossIssue;
use crate::nn::Model;
use crate::nn::training::Loss;
use crate::profiles::Device;

/// The losses that are compared, each with its name, which is also the name of its folder.
const LOSSES: [(&str, Loss); 4] = [
    ("cosine", Loss::Cosine),
    ("mse", Loss::MeanSquaredError),
    ("mae", Loss::MeanAbsoluteError),
    ("bce", Loss::BinaryCrossEntropy),
];

/// The settings of the comparison.
pub(super) struct LossWork<'a> {
    /// The run folder. It receives the features, the tables, and a folder for each loss with its checkpoints and its model.
    pub out: &'a Path,
    /// Whether to continue the trainings in the run folder.
    pub resume: bool,
    pub skip_unreadable: bool,
    pub epochs: u32,
    pub batch: u32,
    pub seed: u64,
}

impl LossWork<'_> {
    /// Trains the paper's head with each loss, from the same initial weights on the same features.
    pub fn run(&self, device: &Device, model: &Model, data: &Dataset, context: &Context) -> Result<(), Error> {
        let trainer = |loss: Loss| {
            let settings = TrainingSettings {
                batch: self.batch,
                micro_batch: self.batch,
                epochs: self.epochs,
                seed: self.seed,
                loss,
                ..TrainingSettings::default()
            };
            let (skip_unreadable, resume) = (self.skip_unreadable, self.resume);
            let options =
                TrainerOptions { skip_unreadable, orientation: ORIENTATION, resume, settings, ..TrainerOptions::default() };
            Trainer::new(device, model, data, options).with_context(context)
        };
        let _lock = RunFolder::create(self.out)?.lock()?;
        let first = trainer(LOSSES[0].1);
        let table = first.features(self.out)?;
        let [train_rows, validation_rows] = rows_of(data).map(|rows| table.readable(&rows));
        let training = TrainingData {
            source: SampleSource::Features(&table),
            labels: &data.labels,
            attributes: data.attributes.len() as u32,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
        };
        let shape = first.shape();
        let initial = first.initial(&shape)?;
        let labels_of = |rows: &[u32]| rows.iter().flat_map(|row| data.labels_of(*row as usize)).copied().collect::<Vec<u8>>();
        let mut issue = LossIssue::new(&data.attributes, &labels_of(&train_rows), &labels_of(&validation_rows), self.epochs);
        for (name, loss) in LOSSES {
            context.message(format!("loss: {name}"));
            let (trainer, folder) = (trainer(loss), self.out.join(name));
            let trained = trainer.run(&folder, &training, &shape, initial.clone())?;
            let metrics = trainer.write_result(&folder, &training, &shape, &trained)?;
            issue.add(name, trained.epoch, &metrics);
        }
        let mut details = first.details();
        details.insert("losses".into(), json!(LOSSES.map(|(name, _)| name)));
        RunFolder::create(self.out)?.record("reproduce", Some(device), details, context)?;
        write_file(&self.out.join("loss_issue.csv"), &issue.to_csv()?)?;
        write_json(&self.out.join("loss_issue.json"), &issue)?;
        context.send(Event::Output(issue.to_text().trim_end().to_string()));
        Ok(())
    }
}

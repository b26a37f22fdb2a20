//! The paper's loss issue: the same head trained with several losses, on one set of features.

use std::path::Path;

use clap::ValueEnum;
use lineament::app::train::{SampleSource, TrainingData, TrainingSettings};
use lineament::evaluation::LossIssue;
use lineament::nn::training::{FrozenNorm, RunningStatistics};
use serde_json::json;

use super::super::common::{print_line, record, write_out};
use super::super::train_options::{LossName, PAPER_DROPOUT, PAPER_HIDDEN};
use super::super::training::{Design, Equipment, Fallible, details, rows};

/// The losses that are compared; each is named as `lineament train --loss` names it, and so is its folder.
const LOSSES: [LossName; 4] = [LossName::Cosine, LossName::Mse, LossName::Mae, LossName::Bce];

/// How the losses are compared.
pub struct LossWork<'a> {
    /// The run folder: features, a folder for each loss with its checkpoints and its model, and the tables.
    pub out: &'a Path,
    /// Whether to go on with what it holds.
    pub resume: bool,
    pub skip_unreadable: bool,
    pub epochs: u32,
    pub batch: u32,
    pub seed: u64,
}

impl LossWork<'_> {
    /// Trains the paper's head with each loss, from the same start on the same features.
    pub fn run(&self, equipment: &Equipment) -> Fallible<()> {
        let Equipment { device, model, data, .. } = *equipment;
        let table = equipment.features(self.out, self.skip_unreadable)?;
        let [train_rows, validation_rows] = rows(data).map(|rows| table.readable(&rows));
        let training = TrainingData {
            source: SampleSource::Features(&table),
            labels: &data.labels,
            attributes: data.attributes.len() as u32,
            train_rows: &train_rows,
            validation_rows: &validation_rows,
        };
        let shape = equipment.shape(Design {
            takes_features: true,
            first_trained: 0,
            frozen_norm: FrozenNorm::Inference,
            momentum: 0.999,
            running_statistics: RunningStatistics::Tensorflow,
            hidden: PAPER_HIDDEN,
            dropout: PAPER_DROPOUT,
        });
        let initial = equipment.initial(&shape, self.seed, false)?;
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
            let trained = equipment.train((&folder, self.resume), &training, &shape, initial.clone(), &settings, false)?;
            let metrics = equipment.finish(&folder, &training, &shape, &trained)?;
            issue.add(&name, trained.epoch, &metrics);
        }
        let mut details = details(model, data);
        details.insert("losses".into(), json!(LOSSES.map(name_of)));
        record(self.out, "reproduce", Some(device), details)?;
        let mut json = serde_json::to_vec_pretty(&issue)?;
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

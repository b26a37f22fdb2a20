//! Training a head on the features of a frozen backbone: epochs, validation, checkpoints.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};

use super::checkpoint::{Checkpoint, Fingerprint, LAST};
use super::error::TrainError;
use super::features::FeatureTable;
use super::history::{self, EpochRecord};
use super::plan::{HeadShape, HeadTraining, Masks};
use super::random;
use super::session::{HeadSession, Position};
use crate::gpu::Gpu;
use crate::model::Head;

/// Samples that are validated at once.
const VALIDATION_BATCH: usize = 256;
/// Steps after which the losses are looked at.
const STEPS_A_LOOK: usize = 50;

/// What a head is trained on.
#[derive(Debug, Clone, Copy)]
pub struct TrainingData<'a> {
    /// A row for every image.
    pub features: &'a FeatureTable,
    /// Labels of 0 and 1, \[images, attributes\].
    pub labels: &'a [u8],
    /// Number of attributes.
    pub attributes: u32,
    /// The images that weights are fitted to.
    pub train_rows: &'a [u32],
    /// The images by which the best epoch is chosen.
    pub validation_rows: &'a [u32],
}

/// Where a run keeps its files, how it is stopped and who watches it.
pub struct HeadRun<'a> {
    /// Folder for [`super::LAST`], [`super::BEST`] and [`super::HISTORY`]; without one nothing is kept.
    pub folder: Option<&'a Path>,
    /// Whether to go on with the run that the folder holds, if there is one.
    pub resume: bool,
    /// Metadata of the best head's file.
    pub metadata: BTreeMap<String, String>,
    /// Looked at before every step: once it is set, the run saves where it is and ends.
    pub stop: &'a AtomicBool,
    /// Called after every step and every epoch.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Progress {
    /// A step was submitted.
    Step {
        /// From 1.
        epoch: u32,
        /// Of how many.
        epochs: u32,
        /// Steps done in this epoch.
        step: usize,
        /// Of how many.
        steps: usize,
        /// The mean loss of the steps looked at most recently.
        loss: Option<f32>,
    },
    /// An epoch is done and saved.
    Epoch {
        /// What it came to.
        record: EpochRecord,
        /// Whether it is the best so far.
        best: bool,
    },
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedHead {
    /// The head after the epoch with the best validation accuracy.
    pub head: Head,
    /// That epoch, from 1.
    pub epoch: u32,
    /// Every epoch.
    pub history: Vec<EpochRecord>,
}

/// Trains a head: Dense, ReLU, batch norm, dropout, Dense, sigmoid on cosine proximity with AdaDelta, as the paper does.
///
/// The samples of an epoch come in an order that seed and epoch decide; its last batch is as small as what remains.
///
/// # Errors
/// The data or the settings make no sense, the folder holds another run, the loss is no longer finite, a file cannot be
/// written, the device fails, or [`HeadRun::stop`] was set.
pub fn train_head(gpu: &Gpu, data: &TrainingData, settings: &HeadTraining, run: &mut HeadRun) -> Result<TrainedHead, TrainError> {
    let shape = check(data, settings)?;
    let fingerprint = run.folder.map_or(Vec::new(), |_| fingerprint(data, settings, shape));
    let saved = match run.folder {
        Some(folder) if run.resume => Checkpoint::load(folder, shape, &fingerprint)?,
        Some(folder) if folder.join(LAST).exists() => return Err(TrainError::EarlierRun { path: folder.join(LAST) }),
        _ => None,
    };
    let fresh = || Checkpoint::new(random::initial_head(settings.seed, shape.features, shape.hidden, shape.attributes));
    let checkpoint = saved.unwrap_or_else(fresh);

    let steps = data.train_rows.len().div_ceil(settings.batch as usize);
    let kept = steps.max(data.validation_rows.len().div_ceil(VALIDATION_BATCH));
    let mut session = HeadSession::new(gpu, settings, kept, Masks::Drawn, &checkpoint.state)?;
    for rows in [data.train_rows.len().min(settings.batch as usize), data.train_rows.len() % settings.batch as usize] {
        if rows > 0 {
            session.prepare_training(rows as u32)?;
        }
    }
    let mut trainer = Trainer { data, settings, run, session, checkpoint, fingerprint, steps };
    while (trainer.checkpoint.history.len() as u32) < settings.epochs {
        trainer.epoch()?;
    }
    trainer.finish()
}

struct Trainer<'a, 'b> {
    data: &'a TrainingData<'a>,
    settings: &'a HeadTraining,
    run: &'a mut HeadRun<'b>,
    session: HeadSession<'a>,
    checkpoint: Checkpoint,
    fingerprint: Fingerprint,
    /// Steps of an epoch.
    steps: usize,
}

impl Trainer<'_, '_> {
    /// Trains an epoch, or the rest of one, validates it and saves.
    fn epoch(&mut self) -> Result<(), TrainError> {
        let epoch = self.checkpoint.history.len() as u32;
        let order = random::shuffled(self.settings.seed, epoch, self.data.train_rows);
        let batches: Vec<&[u32]> = order.chunks(self.settings.batch as usize).collect();
        self.session.write_losses(&self.checkpoint.losses);
        self.session.write_correct(&self.checkpoint.correct);
        let first = self.checkpoint.losses.len();
        let (mut seen, mut latest) = (first, None);
        for (step, rows) in batches.iter().enumerate().skip(first) {
            if self.run.stop.load(Ordering::Relaxed) {
                return Err(self.interrupted(epoch, step));
            }
            let (features, labels) = self.gather(rows);
            let first_sample = (step * self.settings.batch as usize) as u32;
            self.session.train(&features, &labels, None, Position { epoch, step: step as u32, first_sample })?;
            if (step + 1 - seen) >= STEPS_A_LOOK || step + 1 == batches.len() {
                let losses = self.finite_losses(epoch, seen, step + 1)?;
                latest = Some(losses.iter().sum::<f32>() / losses.len() as f32);
                seen = step + 1;
            }
            let epochs = self.settings.epochs;
            (self.run.progress)(Progress::Step { epoch: epoch + 1, epochs, step: step + 1, steps: self.steps, loss: latest });
        }
        let losses = self.session.losses(0, self.steps)?;
        let (loss, accuracy) = self.summary(&losses, &batches)?;
        let (validation_loss, validation_accuracy) = self.validate(epoch)?;
        let record = EpochRecord { epoch: epoch + 1, loss, accuracy, validation_loss, validation_accuracy };
        self.finish_epoch(record)
    }

    fn finish_epoch(&mut self, record: EpochRecord) -> Result<(), TrainError> {
        let state = self.session.read_state()?;
        let checkpoint = &mut self.checkpoint;
        checkpoint.history.push(record);
        let best = history::best(&checkpoint.history).is_some_and(|best| best.epoch == record.epoch);
        if best {
            checkpoint.best = Some(state.head.clone());
        }
        checkpoint.state = state;
        checkpoint.losses.clear();
        checkpoint.correct.fill(0);
        self.save()?;
        (self.run.progress)(Progress::Epoch { record, best });
        Ok(())
    }

    /// Mean loss of the samples and share of right predictions since the counts were last cleared. Means in f64: the batches
    /// count by their size.
    fn summary(&self, losses: &[f32], batches: &[&[u32]]) -> Result<(f64, f64), TrainError> {
        let samples: usize = batches.iter().map(|rows| rows.len()).sum();
        let loss: f64 = losses.iter().zip(batches).map(|(loss, rows)| f64::from(*loss) * rows.len() as f64).sum();
        let correct: u64 = self.session.correct()?.into_iter().map(u64::from).sum();
        let predictions = samples as f64 * f64::from(self.data.attributes);
        Ok((loss / samples as f64, correct as f64 / predictions))
    }

    fn validate(&mut self, epoch: u32) -> Result<(f64, f64), TrainError> {
        self.session.write_correct(&vec![0; self.data.attributes as usize]);
        let batches: Vec<&[u32]> = self.data.validation_rows.chunks(VALIDATION_BATCH).collect();
        for (step, rows) in batches.iter().enumerate() {
            let (features, labels) = self.gather(rows);
            self.session.evaluate(&features, &labels, step as u32)?;
        }
        let losses = self.finite_losses(epoch, 0, batches.len())?;
        self.summary(&losses, &batches)
    }

    /// Features and labels of some rows, one after the other.
    fn gather(&self, rows: &[u32]) -> (Vec<f32>, Vec<u8>) {
        let attributes = self.data.attributes as usize;
        let features = rows.iter().flat_map(|row| self.data.features.row(*row as usize)).copied().collect();
        let labels = |row: &u32| &self.data.labels[*row as usize * attributes..(*row as usize + 1) * attributes];
        (features, rows.iter().flat_map(labels).copied().collect())
    }

    fn finite_losses(&self, epoch: u32, from: usize, to: usize) -> Result<Vec<f32>, TrainError> {
        let losses = self.session.losses(from, to)?;
        match losses.iter().position(|loss| !loss.is_finite()) {
            None => Ok(losses),
            Some(at) => Err(TrainError::NotFinite { epoch: epoch + 1, step: from + at + 1, loss: losses[at] }),
        }
    }

    /// Saves where the run is, and what to return for it.
    fn interrupted(&mut self, epoch: u32, steps: usize) -> TrainError {
        let save = |trainer: &mut Self| {
            trainer.checkpoint.losses = trainer.finite_losses(epoch, 0, steps)?;
            trainer.checkpoint.correct = trainer.session.correct()?;
            trainer.checkpoint.state = trainer.session.read_state()?;
            trainer.save()
        };
        match save(self) {
            Ok(()) => TrainError::Interrupted { epoch: epoch + 1, steps, saved: self.run.folder.map(|folder| folder.join(LAST)) },
            Err(error) => error,
        }
    }

    fn save(&self) -> Result<(), TrainError> {
        if let Some(folder) = self.run.folder {
            self.checkpoint.save(folder, &self.fingerprint, &self.run.metadata)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<TrainedHead, TrainError> {
        // A run that was cut off between its files has its checkpoint but not all that is made of it.
        self.save()?;
        let history = self.checkpoint.history;
        match (self.checkpoint.best, history::best(&history)) {
            (Some(head), Some(best)) => Ok(TrainedHead { head, epoch: best.epoch, history }),
            _ => Err(TrainError::input("no epoch was asked for".to_string(), "ask for at least one")),
        }
    }
}

/// What a run depends on; the number of epochs may grow.
fn fingerprint(data: &TrainingData, settings: &HeadTraining, shape: HeadShape) -> Fingerprint {
    let mut hash = Sha256::new();
    let parts = [
        bytemuck::cast_slice(data.features.values()),
        data.labels,
        bytemuck::cast_slice(data.train_rows),
        bytemuck::cast_slice(data.validation_rows),
    ];
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let data: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let HeadTraining { hidden, batch, epochs: _, seed, dropout, learning_rate, rho, epsilon, momentum } = settings;
    vec![
        ("features", shape.features.to_string()),
        ("hidden", hidden.to_string()),
        ("attributes", shape.attributes.to_string()),
        ("batch", batch.to_string()),
        ("seed", seed.to_string()),
        ("dropout", dropout.to_string()),
        ("learning_rate", learning_rate.to_string()),
        ("rho", rho.to_string()),
        ("epsilon", epsilon.to_string()),
        ("momentum", momentum.to_string()),
        ("data", data),
    ]
}

/// The head's sizes, if data and settings fit together.
fn check(data: &TrainingData, settings: &HeadTraining) -> Result<HeadShape, TrainError> {
    let (rows, attributes) = (data.features.rows(), data.attributes as usize);
    let wrong = |problem: String, remedy| Err(TrainError::input(problem, remedy));
    if attributes == 0 || data.labels.len() != rows * attributes {
        let problem = format!("there are {} labels for {rows} images with {attributes} attributes", data.labels.len());
        return wrong(problem, "give one of each attribute for each image");
    }
    if let Some(at) = data.labels.iter().position(|label| *label > 1) {
        let (image, attribute, label) = (at / attributes, at % attributes, data.labels[at]);
        return wrong(format!("image {image} has the label {label} for attribute {attribute}"), "labels are 0 or 1");
    }
    for (what, chosen) in [("training", data.train_rows), ("validation", data.validation_rows)] {
        if chosen.is_empty() {
            return wrong(format!("there are no {what} images"), "check the partition of the data");
        }
        if let Some(row) = chosen.iter().find(|row| **row as usize >= rows) {
            return wrong(format!("{what} image {row} is beyond the {rows} that have features"), "compute its features first");
        }
    }
    let HeadTraining { hidden, batch, epochs, dropout, learning_rate, rho, epsilon, momentum, .. } = *settings;
    let ranges = [
        ("hidden", f64::from(hidden), 1.0..=65_536.0),
        ("batch", f64::from(batch), 1.0..=4096.0),
        ("epochs", f64::from(epochs), 1.0..=1e6),
        ("dropout", f64::from(dropout), 0.0..=0.99),
        ("learning rate", f64::from(learning_rate), 1e-12..=1e6),
        ("rho", f64::from(rho), 0.0..=1.0),
        ("epsilon", f64::from(epsilon), 1e-30..=1.0),
        ("momentum", f64::from(momentum), 0.0..=1.0),
    ];
    for (what, value, range) in ranges {
        if !range.contains(&value) {
            return wrong(format!("{what} is {value}, outside {} to {}", range.start(), range.end()), "choose one inside");
        }
    }
    Ok(HeadShape { features: data.features.features() as u32, hidden, attributes: data.attributes })
}

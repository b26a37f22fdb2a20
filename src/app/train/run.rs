//! A training run: epochs, validation and checkpoints.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::batches::Batches;
use super::checkpoint::{Checkpoint, Fingerprint, LAST, checkpoint_in, load_best, remove_checkpoints};
use super::error::TrainError;
use super::fingerprint::fingerprint;
use super::history::{self, EpochRecord};
use super::part::Part;
use super::samples::{Batch, TrainingData};
use super::session::{Masks, NetworkSession, SessionShape};
use super::settings::TrainingSettings;
use crate::nn::random;
use crate::nn::training::{NetworkShape, NetworkState};
use crate::profiles::Device;

/// The surroundings of a run: its files, how it is stopped, and its observer.
pub struct Run<'a> {
    /// Folder for [`super::LAST`], [`super::BEST`] and [`super::HISTORY`]. Without one, nothing is written.
    pub folder: Option<&'a Path>,
    /// Whether to continue the run in the folder, if there is one.
    pub resume: bool,
    /// Whether to remove what an earlier run left in the folder and to start again.
    pub restart: bool,
    /// Everything that the run depends on apart from its settings, by name, such as the weights it starts from.
    pub depends: Vec<(&'static str, String)>,
    /// Metadata of the best model's file.
    pub metadata: BTreeMap<String, String>,
    /// Number of threads that decode images ahead of the GPU. It does not affect the result.
    pub decoding_threads: usize,
    /// Checked before every step. Once it is set, the run saves its state and ends.
    pub stop: &'a AtomicBool,
    /// Called after every step and every epoch.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// The progress of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The last checkpoint is damaged, and the run continues from the one before it.
    FellBack {
        /// What is wrong with the last checkpoint.
        damage: String,
    },
    /// The planned device memory, reported before anything is allocated.
    Memory {
        /// Bytes on the device.
        bytes: u64,
        /// Number of samples in each part of a batch.
        micro_batch: u32,
    },
    /// A step is completed.
    Step {
        /// The epoch, starting at 1.
        epoch: u32,
        /// Number of epochs in total.
        epochs: u32,
        /// Number of completed steps in this epoch.
        step: usize,
        /// Number of steps in an epoch.
        steps: usize,
        /// Mean loss of the step.
        loss: f32,
        /// Share of correct predictions in the epoch so far, if it was read at this step.
        accuracy: Option<f64>,
    },
    /// Some of the validation samples are completed.
    Validation {
        /// Number of completed samples.
        done: usize,
        /// Number of samples in total.
        samples: usize,
    },
    /// An epoch is completed and saved.
    Epoch {
        /// The results of the epoch.
        record: EpochRecord,
        /// Whether it is the best epoch so far.
        best: bool,
    },
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Progress::FellBack { damage } => write!(f, "continuing from the checkpoint before the last, because {damage}"),
            Progress::Memory { bytes, micro_batch } => {
                let gigabytes = *bytes as f64 / 1e9;
                write!(
                    f,
                    "memory: {gigabytes:.2} GB on the device for {micro_batch} samples at a time, planned before the first step"
                )
            }
            Progress::Step { epoch, epochs, loss, accuracy, .. } => {
                write!(f, "epoch {epoch} of {epochs}, loss {loss:.4}")?;
                accuracy.map_or(Ok(()), |accuracy| write!(f, ", accuracy {accuracy:.4}"))
            }
            Progress::Validation { done, samples } => write!(f, "validation, {done} of {samples}"),
            Progress::Epoch { record, best } => {
                let EpochRecord { epoch, loss, accuracy, validation_loss, validation_accuracy } = record;
                write!(f, "epoch {epoch}: loss {loss:.4}, accuracy {accuracy:.4}; ")?;
                write!(f, "validation loss {validation_loss:.4}, accuracy {validation_accuracy:.4}")?;
                f.write_str(if *best { "  best so far" } else { "" })
            }
        }
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedNetwork {
    /// The network after the epoch with the best validation accuracy.
    pub best: NetworkState,
    /// The best epoch, starting at 1.
    pub epoch: u32,
    /// The results of all epochs.
    pub history: Vec<EpochRecord>,
}

/// Number of steps between two reads of the accuracy.
const STEPS_BETWEEN_READS: usize = 20;

/// Trains a network that starts from `initial`.
///
/// Seed and epoch determine the order of the samples in an epoch. The last batch contains the remaining samples. A single
/// remaining sample is left out if batch norm needs its statistics.
///
/// # Errors
/// The data or the settings are invalid, the folder contains another run, the loss is no longer finite, an image cannot be
/// decoded, a file cannot be written, the device fails, or [`Run::stop`] was set.
pub fn train_network(
    device: &Device,
    data: &TrainingData,
    shape: &NetworkShape,
    initial: NetworkState,
    settings: &TrainingSettings,
    run: &mut Run,
) -> Result<TrainedNetwork, TrainError> {
    settings.check(shape)?;
    settings.check_precision(shape, device.capabilities())?;
    data.check(shape)?;
    let fingerprint = match run.folder {
        Some(_) => fingerprint(data, shape, settings, &run.depends),
        None => Vec::new(),
    };
    let states = settings.optimizer.states();
    let saved = match run.folder {
        Some(folder) if run.restart => remove_checkpoints(folder).map(|()| None)?,
        Some(folder) if run.resume => match Checkpoint::load(folder, shape, &fingerprint, states)? {
            Some((checkpoint, damage)) => {
                if let Some(damage) = damage {
                    (run.progress)(Progress::FellBack { damage: damage.to_string() });
                }
                Some(checkpoint)
            }
            None => None,
        },
        Some(folder) => match checkpoint_in(folder) {
            Some(path) => return Err(TrainError::EarlierRun { path }),
            None => None,
        },
        None => None,
    };
    let checkpoint =
        saved.unwrap_or_else(|| Checkpoint::new(initial.clone().with_optimizer_states(states), shape.head().attributes));
    let batches = Batches::new(data, shape, settings)?;
    let class_weights = data.class_weights(settings.class_weights);
    let session_shape = SessionShape {
        network: shape.clone(),
        loss: settings.loss,
        mixed_precision: settings.mixed_precision,
        optimizer: settings.optimizer.clone(),
        masks: Masks::Drawn(settings.seed),
        losses: batches.kept,
        accumulates: settings.micro_batch < settings.batch,
        weighted: class_weights.is_some(),
        normalisation: data.normalisation(),
    };
    let part = batches.largest_part as u32;
    let (parts, validated) = (batches.part_sizes(settings), batches.validation_sizes(data.validation_rows.len()));
    let bytes = session_shape.device_bytes(device, &checkpoint.state, &parts, &validated)?;
    (run.progress)(Progress::Memory { bytes, micro_batch: part });
    let mut session = NetworkSession::new(device, session_shape, part, &checkpoint.state, checkpoint.updates)?;
    for batch in parts {
        session.prepare_training(batch)?;
    }
    for batch in validated {
        session.prepare_evaluation(&checkpoint.state, batch)?;
    }
    let best = match (run.folder, checkpoint.history.is_empty()) {
        (Some(folder), false) => Some(load_best(folder, shape, &initial, &fingerprint)?),
        _ => None,
    };
    let mut trainer = Trainer { data, shape, settings, class_weights, run, session, checkpoint, best, fingerprint, batches };
    while (trainer.checkpoint.history.len() as u32) < settings.epochs {
        trainer.epoch()?;
    }
    trainer.finish()
}

struct Trainer<'a, 'b> {
    data: &'a TrainingData<'a>,
    shape: &'a NetworkShape,
    settings: &'a TrainingSettings,
    class_weights: Option<Vec<[f32; 2]>>,
    run: &'a mut Run<'b>,
    session: NetworkSession<'a>,
    checkpoint: Checkpoint,
    best: Option<NetworkState>,
    fingerprint: Fingerprint,
    batches: Batches,
}

impl Trainer<'_, '_> {
    /// Trains an epoch or the rest of one, validates it, and saves the checkpoint.
    fn epoch(&mut self) -> Result<(), TrainError> {
        let epoch = self.checkpoint.history.len() as u32;
        let mut order = random::shuffled(self.settings.seed, epoch, self.data.train_rows);
        order.truncate(self.batches.samples);
        self.session.write_losses(&self.checkpoint.losses);
        self.session.write_correct(&self.checkpoint.correct);
        let first = self.checkpoint.steps;
        let batch = self.settings.batch as usize;
        let (data, settings, steps) = (self.data, self.settings, self.batches.steps);
        let mut stream =
            data.batches(&order[(first * batch).min(order.len())..], batch, self.run.decoding_threads, self.shape.size);
        for step in first..steps {
            if self.run.stop.load(Ordering::Relaxed) {
                return Err(self.interrupted(epoch, step));
            }
            if step > first && step % settings.checkpoint_every.max(1) == 0 && self.run.folder.is_some() {
                self.remember(step)?;
                self.save()?;
            }
            let samples = stream.next()?;
            let loss = self.step(epoch, step, &samples)?;
            let reads_accuracy = (step + 1) % STEPS_BETWEEN_READS == 0 || step + 1 == steps;
            let accuracy = if reads_accuracy { Some(self.accuracy((step + 1) * batch)?) } else { None };
            let (epoch, epochs, step) = (epoch + 1, settings.epochs, step + 1);
            (self.run.progress)(Progress::Step { epoch, epochs, step, steps, loss, accuracy });
        }
        let parts = self.parts_before(steps);
        let losses = self.session.losses(0, parts)?;
        let sizes: Vec<usize> = order.chunks(batch).flat_map(|rows| settings.parts(rows.len())).collect();
        let loss = weighted_mean(&losses, &sizes);
        let accuracy = self.accuracy(self.batches.samples)?;
        self.remember(steps)?;
        let (validation_loss, validation_accuracy) = self.validate(epoch)?;
        let record = EpochRecord { epoch: epoch + 1, loss, accuracy, validation_loss, validation_accuracy };
        self.finish_epoch(record)
    }

    /// Updates the weights with one batch, in as many parts as needed. Returns the mean loss.
    fn step(&mut self, epoch: u32, step: usize, samples: &Batch) -> Result<f32, TrainError> {
        let settings = self.settings;
        let augmentations = samples.augmentations(settings, epoch, self.shape.size);
        let labels = self.data.labels_of(samples.rows, settings.label_smoothing);
        let weights = self.class_weights.as_ref().map(|weights| self.data.weights_of(samples.rows, weights));
        let attributes = self.shape.head().attributes as usize;
        let position = self.parts_before(step);
        let (count, mut from) = (samples.rows.len(), 0);
        let sizes: Vec<usize> = settings.parts(count).collect();
        for (index, size) in sizes.iter().enumerate() {
            let images = samples.images(from, *size);
            let part = Part {
                samples: samples.part(self.data, from, *size, images, &augmentations),
                labels: &labels[from * attributes..(from + size) * attributes],
                weights: weights.as_deref().map(|weights| &weights[from * attributes..(from + size) * attributes]),
                mask: None,
                epoch,
                first_sample: (step * settings.batch as usize + from) as u32,
                position: (position + index) as u32,
                first: index == 0,
                weight: *size as f32 / count as f32,
            };
            self.session.pass(&part)?;
            from += size;
        }
        // The update waits for the loss, so that a loss that is not finite leaves the weights unchanged.
        let losses = self.session.losses(position, position + sizes.len())?;
        if let Some(loss) = losses.iter().find(|loss| !loss.is_finite()) {
            let tensor = self.session.first_bad_tensor()?;
            let saved = self.run.folder.map(|folder| folder.join(LAST)).filter(|path| path.exists());
            return Err(TrainError::NotFinite { epoch: epoch + 1, step: step + 1, loss: *loss, tensor, saved });
        }
        let steps = self.batches.steps as u64;
        let (done, all) = (u64::from(epoch) * steps + step as u64, steps * u64::from(settings.epochs));
        self.session.update(settings.schedule.rate(settings.learning_rate, done, all))?;
        self.checkpoint.updates += 1;
        Ok(weighted_mean(&losses, &sizes) as f32)
    }

    /// Returns the number of parts in the steps before `step`.
    fn parts_before(&self, step: usize) -> usize {
        let batch = self.settings.batch as usize;
        let whole = self.settings.parts(batch).count();
        let short = (step * batch).saturating_sub(self.batches.samples);
        if short == 0 { step * whole } else { (step - 1) * whole + self.settings.parts(batch - short).count() }
    }

    fn accuracy(&self, samples: usize) -> Result<f64, TrainError> {
        let correct: u64 = self.session.correct()?.into_iter().map(u64::from).sum();
        let predictions = samples.min(self.batches.samples) as f64 * f64::from(self.shape.head().attributes);
        Ok(correct as f64 / predictions)
    }

    /// Updates the checkpoint from the session, after `steps` steps of the epoch.
    fn remember(&mut self, steps: usize) -> Result<(), TrainError> {
        self.checkpoint.steps = steps;
        self.checkpoint.losses = self.session.losses(0, self.parts_before(steps))?;
        self.checkpoint.correct = self.session.correct()?;
        self.checkpoint.state = self.session.read_state()?;
        Ok(())
    }

    fn finish_epoch(&mut self, record: EpochRecord) -> Result<(), TrainError> {
        let checkpoint = &mut self.checkpoint;
        checkpoint.history.push(record);
        checkpoint.steps = 0;
        checkpoint.losses.clear();
        checkpoint.correct.fill(0);
        let best = history::best(&checkpoint.history).is_some_and(|best| best.epoch == record.epoch);
        if best {
            // The best model is written before the checkpoint that refers to it. A run that is interrupted between the two trains
            // the end of the epoch again.
            if let Some(folder) = self.run.folder {
                self.checkpoint.save_best(folder, self.shape, &self.run.metadata, &self.fingerprint, record)?;
            }
            self.best = Some(self.checkpoint.state.clone());
        }
        self.save()?;
        (self.run.progress)(Progress::Epoch { record, best });
        Ok(())
    }

    /// Returns the mean loss and the share of correct predictions over the validation samples, in inference mode.
    fn validate(&mut self, epoch: u32) -> Result<(f64, f64), TrainError> {
        let (data, size) = (self.data, self.batches.validation);
        let rows = data.validation_rows;
        let state = self.checkpoint.state.clone();
        self.session.freeze(&state, size.min(rows.len()) as u32)?;
        let mut stream = data.batches(rows, size, self.run.decoding_threads, self.shape.size);
        let mut done = 0;
        let sizes: Vec<usize> = rows.chunks(size).map(<[u32]>::len).collect();
        for position in 0..sizes.len() {
            if self.run.stop.load(Ordering::Relaxed) {
                return Err(self.interrupted(epoch, self.batches.steps));
            }
            let samples = stream.next()?;
            let count = samples.rows.len();
            let (images, still) = (samples.images(0, count), samples.unaugmented());
            let labels = data.labels_of(samples.rows, 0.0);
            let given = samples.part(data, 0, count, images, &still);
            self.session.evaluate(&state, given, &labels, position as u32)?;
            done += count;
            (self.run.progress)(Progress::Validation { done, samples: rows.len() });
        }
        let (losses, correct) = self.session.evaluated(sizes.len())?;
        let correct: u64 = correct.into_iter().map(u64::from).sum();
        let predictions = rows.len() as f64 * f64::from(self.shape.head().attributes);
        Ok((weighted_mean(&losses, &sizes), correct as f64 / predictions))
    }

    /// Saves the state of the run and returns the error for the interruption.
    fn interrupted(&mut self, epoch: u32, steps: usize) -> TrainError {
        let saved = self.remember(steps).and_then(|()| self.save());
        match saved {
            Ok(()) => TrainError::Interrupted { epoch: epoch + 1, steps, saved: self.run.folder.map(|folder| folder.join(LAST)) },
            Err(error) => error,
        }
    }

    fn save(&self) -> Result<(), TrainError> {
        if let Some(folder) = self.run.folder {
            self.checkpoint.save(folder, &self.fingerprint, self.settings.optimizer.states())?;
        }
        Ok(())
    }

    fn finish(self) -> Result<TrainedNetwork, TrainError> {
        // If the run was interrupted between writing the checkpoint and writing the history, the history is still to be written.
        self.save()?;
        let history = self.checkpoint.history;
        match (self.best, history::best(&history)) {
            (Some(best), Some(record)) => Ok(TrainedNetwork { best, epoch: record.epoch, history }),
            _ => Err(TrainError::input("the number of epochs is 0".to_string(), "choose at least one")),
        }
    }
}

/// Returns the mean over all samples, computed in f64 from the mean of each part and the size of the part.
fn weighted_mean(means: &[f32], sizes: &[usize]) -> f64 {
    let sum: f64 = means.iter().zip(sizes).map(|(mean, size)| f64::from(*mean) * *size as f64).sum();
    sum / sizes.iter().sum::<usize>() as f64
}

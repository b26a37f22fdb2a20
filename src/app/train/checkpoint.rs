//! Checkpoints: everything that a run needs to continue as if it had never stopped, and the best model so far.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::TrainError;
use super::history::{self, EpochRecord};
use crate::data::{DataError, write_atomically};
use crate::nn::training::{NamedShape, NetworkShape, NetworkState};
use crate::nn::weights::{StoredPrecision, StoredTensor, WeightsError, WeightsFile, write_weights};

/// File in the run folder from which a run can be resumed.
pub const LAST: &str = "checkpoints/last.safetensors";
/// File in the run folder with the model after the epoch with the best validation accuracy.
pub const BEST: &str = "checkpoints/best.safetensors";
/// File in the run folder with the history of the run.
pub const HISTORY: &str = "history.csv";

const FORMAT: &str = "lineament-checkpoint-2";
const LOSSES: &str = "progress.losses";

/// What a run depends on, by name. A run can only be resumed if all of it is the same.
pub(super) type Fingerprint = Vec<(&'static str, String)>;

/// The state of a run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checkpoint {
    /// Weights, statistics and optimizer state.
    pub state: NetworkState,
    /// Number of updates so far.
    pub updates: u32,
    /// The completed epochs.
    pub history: Vec<EpochRecord>,
    /// Number of completed steps in the current epoch.
    pub steps: usize,
    /// Losses of the parts in these steps.
    pub losses: Vec<f32>,
    /// Number of correct predictions of each attribute in these steps.
    pub correct: Vec<u32>,
}

impl Checkpoint {
    /// Returns the checkpoint of a run that has not begun.
    pub(super) fn new(state: NetworkState, attributes: u32) -> Checkpoint {
        let correct = vec![0; attributes as usize];
        Checkpoint { state, updates: 0, history: Vec::new(), steps: 0, losses: Vec::new(), correct }
    }

    /// Writes the checkpoint and the history, each completely or not at all.
    ///
    /// # Errors
    /// A value is not finite, or a file cannot be written. The earlier files are then kept.
    pub(super) fn save(&self, folder: &Path, fingerprint: &Fingerprint, optimizer_states: usize) -> Result<PathBuf, TrainError> {
        let path = folder.join(LAST);
        make_folder(folder)?;
        self.write_last(&path, fingerprint, optimizer_states)?;
        write_atomically(&folder.join(HISTORY), |writer| writer.write_all(history::to_csv(&self.history).as_bytes()))?;
        Ok(path)
    }

    /// Writes the model of this checkpoint as the best one, with `metadata` and the figures of the epoch.
    ///
    /// # Errors
    /// The same as [`Checkpoint::save`].
    pub(super) fn save_best(
        &self,
        folder: &Path,
        shape: &NetworkShape,
        metadata: &BTreeMap<String, String>,
        record: EpochRecord,
    ) -> Result<(), TrainError> {
        make_folder(folder)?;
        let mut metadata = metadata.clone();
        metadata.insert("epoch".to_string(), record.epoch.to_string());
        metadata.insert("validation_accuracy".to_string(), record.validation_accuracy.to_string());
        write_model(&folder.join(BEST), shape, &self.state, &metadata, StoredPrecision::F32)?;
        Ok(())
    }

    fn write_last(&self, path: &Path, fingerprint: &Fingerprint, optimizer_states: usize) -> Result<(), TrainError> {
        let mut metadata: BTreeMap<String, String> =
            fingerprint.iter().map(|(name, value)| (format!("training.{name}"), value.clone())).collect();
        let correct: Vec<String> = self.correct.iter().map(u32::to_string).collect();
        metadata.insert("format".to_string(), FORMAT.to_string());
        metadata.insert("history".to_string(), history::to_csv(&self.history));
        metadata.insert("updates".to_string(), self.updates.to_string());
        metadata.insert("steps".to_string(), self.steps.to_string());
        metadata.insert("parts".to_string(), self.losses.len().to_string());
        metadata.insert("correct".to_string(), correct.join(","));

        let mut tensors = self.state.tensors();
        for which in 0..optimizer_states {
            let of_optimizer = self.state.optimizer_tensors(which).into_iter();
            tensors.extend(
                of_optimizer.map(|(named, values)| (NamedShape { name: optimizer_name(which, &named.name), ..named }, values)),
            );
        }
        if !self.losses.is_empty() {
            tensors.push((NamedShape { name: LOSSES.to_string(), shape: vec![self.losses.len()] }, self.losses.clone()));
        }
        Ok(write_tensors(path, &tensors, &metadata, StoredPrecision::F32)?)
    }

    /// Reads the checkpoint in a run folder. Returns `None` if there is none.
    ///
    /// # Errors
    /// The file is damaged, or belongs to a run with another fingerprint.
    pub(super) fn load(
        folder: &Path,
        shape: &NetworkShape,
        fingerprint: &Fingerprint,
        optimizer_states: usize,
    ) -> Result<Option<Checkpoint>, TrainError> {
        let path = folder.join(LAST);
        if !path.exists() {
            return Ok(None);
        }
        let file = WeightsFile::open(&path)?;
        let header = Header { path: &path, metadata: file.metadata() };
        if header.get("format")? != FORMAT {
            return Err(header.wrong("format", format!("is not {FORMAT}")));
        }
        for (what, wanted) in fingerprint {
            let saved = header.metadata.get(format!("training.{what}").as_str()).copied().unwrap_or("absent");
            if saved != wanted {
                let (saved, wanted) = (saved.to_string(), wanted.clone());
                return Err(TrainError::OtherRun { path: path.clone(), what, saved, wanted });
            }
        }
        let history = history::from_csv(header.get("history")?).map_err(|problem| header.wrong("history", problem))?;
        let correct: Vec<u32> = header
            .get("correct")?
            .split(',')
            .map(|count| count.parse().map_err(|_| header.wrong("correct", format!("has `{count}` where a count is expected"))))
            .collect::<Result<_, _>>()?;
        if correct.len() != shape.head().attributes as usize {
            let (found, wanted) = (correct.len(), shape.head().attributes);
            return Err(header.wrong("correct", format!("has {found} counts, expected one for each of {wanted} attributes")));
        }
        let read = |name: &str, shape: &[usize]| Ok(file.f32(name, shape)?);
        let mut state = NetworkState::read(shape, &read)?.with_optimizer_states(optimizer_states);
        for which in 0..optimizer_states {
            state.read_optimizer(which, &|name, shape| read(&optimizer_name(which, name), shape))?;
        }
        let parts: usize = header.count("parts")?;
        let losses = if parts == 0 { Vec::new() } else { file.f32(LOSSES, &[parts])? };
        let (updates, steps) = (header.count("updates")?, header.count("steps")?);
        Ok(Some(Checkpoint { state, updates, history, steps, losses, correct }))
    }
}

/// Reads the model of the best epoch from a run folder.
///
/// # Errors
/// The file is missing or damaged.
pub(super) fn load_best(folder: &Path, shape: &NetworkShape, initial: &NetworkState) -> Result<NetworkState, TrainError> {
    let file = WeightsFile::open(&folder.join(BEST))?;
    let stored: BTreeMap<String, Vec<f32>> = initial.tensors().into_iter().map(|(named, values)| (named.name, values)).collect();
    // If the backbone is not trained, the file has no tensors of it.
    let read = |name: &str, shape: &[usize]| match (file.shape(name), stored.get(name)) {
        (None, Some(values)) => Ok(values.clone()),
        _ => Ok(file.f32(name, shape)?),
    };
    Ok(NetworkState::read(shape, &read)?)
}

/// Writes a model: the whole network, or only the head if nothing else is trained.
///
/// # Errors
/// A value is not finite, or the file cannot be written.
pub fn write_model(
    path: &Path,
    shape: &NetworkShape,
    state: &NetworkState,
    metadata: &BTreeMap<String, String>,
    precision: StoredPrecision,
) -> Result<(), WeightsError> {
    let mut tensors = state.tensors();
    if shape.first_trained >= shape.convolutions() {
        tensors.retain(|(named, _)| named.name.starts_with("head."));
    }
    write_tensors(path, &tensors, metadata, precision)
}

fn write_tensors(
    path: &Path,
    tensors: &[(NamedShape, Vec<f32>)],
    metadata: &BTreeMap<String, String>,
    precision: StoredPrecision,
) -> Result<(), WeightsError> {
    let stored: Vec<StoredTensor> =
        tensors.iter().map(|(NamedShape { name, shape }, values)| StoredTensor { name, shape, values }).collect();
    write_weights(path, &stored, metadata, precision)
}

fn make_folder(folder: &Path) -> Result<(), TrainError> {
    let parent = folder.join("checkpoints");
    let remedy = "choose a folder that can be written";
    std::fs::create_dir_all(&parent).map_err(|source| DataError::Write { path: parent, source, remedy })?;
    Ok(())
}

fn optimizer_name(which: usize, name: &str) -> String {
    format!("optimizer.{which}.{name}")
}

/// The metadata of a checkpoint.
struct Header<'a> {
    path: &'a Path,
    metadata: BTreeMap<&'a str, &'a str>,
}

impl Header<'_> {
    fn get(&self, key: &'static str) -> Result<&str, TrainError> {
        self.metadata.get(key).copied().ok_or_else(|| self.wrong(key, "is missing".to_string()))
    }

    fn count<T: std::str::FromStr>(&self, key: &'static str) -> Result<T, TrainError> {
        self.get(key)?.parse().map_err(|_| self.wrong(key, "is not a count".to_string()))
    }

    fn wrong(&self, key: &'static str, problem: String) -> TrainError {
        TrainError::Metadata { path: self.path.to_path_buf(), key, problem }
    }
}

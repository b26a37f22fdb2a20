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

/// File in the run folder with the checkpoint before the last one, from which a run continues if the last one is damaged.
pub const BEFORE_LAST: &str = "checkpoints/before_last.safetensors";

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

    /// Writes the checkpoint and the history, each completely or not at all. The checkpoint before this one is kept.
    ///
    /// # Errors
    /// A value is not finite, or a file cannot be written. The earlier files are then kept.
    pub(super) fn save(&self, folder: &Path, fingerprint: &Fingerprint, optimizer_states: usize) -> Result<PathBuf, TrainError> {
        let path = folder.join(LAST);
        make_folder(folder)?;
        keep_last(folder)?;
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
        fingerprint: &Fingerprint,
        record: EpochRecord,
    ) -> Result<(), TrainError> {
        make_folder(folder)?;
        let mut metadata = metadata.clone();
        metadata.insert(RUN.to_string(), identity(fingerprint));
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

    /// Reads the checkpoint in a run folder. Returns `None` if there is none. If the last one is damaged, the one before it is
    /// read, and the second value is the damage.
    ///
    /// # Errors
    /// Both files are damaged, or the file belongs to a run with another fingerprint.
    pub(super) fn load(
        folder: &Path,
        shape: &NetworkShape,
        fingerprint: &Fingerprint,
        optimizer_states: usize,
    ) -> Result<Option<(Checkpoint, Option<TrainError>)>, TrainError> {
        let read = |name: &str| Checkpoint::read(&folder.join(name), shape, fingerprint, optimizer_states);
        match (folder.join(LAST).exists(), folder.join(BEFORE_LAST).exists()) {
            (false, false) => Ok(None),
            (true, false) => read(LAST).map(|checkpoint| Some((checkpoint, None))),
            // A run that was killed between keeping the last checkpoint and writing the next leaves only the one before.
            (false, true) => read(BEFORE_LAST).map(|checkpoint| Some((checkpoint, None))),
            (true, true) => match read(LAST) {
                Ok(checkpoint) => Ok(Some((checkpoint, None))),
                Err(damage @ (TrainError::Weights(_) | TrainError::Metadata { .. })) => match read(BEFORE_LAST) {
                    Ok(checkpoint) => {
                        // Otherwise the next checkpoint would keep the damaged one as the one before it.
                        let _ = std::fs::remove_file(folder.join(LAST));
                        Ok(Some((checkpoint, Some(damage))))
                    }
                    Err(_) => Err(damage),
                },
                Err(other) => Err(other),
            },
        }
    }

    fn read(
        path: &Path,
        shape: &NetworkShape,
        fingerprint: &Fingerprint,
        optimizer_states: usize,
    ) -> Result<Checkpoint, TrainError> {
        let file = WeightsFile::open(path)?;
        let header = Header { path, metadata: file.metadata() };
        if header.get("format")? != FORMAT {
            return Err(header.wrong("format", format!("is not {FORMAT}")));
        }
        for (what, wanted) in fingerprint {
            let saved = header.metadata.get(format!("training.{what}").as_str()).copied().unwrap_or("absent");
            if saved != wanted {
                let (saved, wanted) = (saved.to_string(), wanted.clone());
                return Err(TrainError::OtherRun { path: path.to_path_buf(), what, saved, wanted });
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
        Ok(Checkpoint { state, updates, history, steps, losses, correct })
    }
}

/// Metadata key of the best model: the identity of the run that wrote it.
const RUN: &str = "run";

/// Returns a short text that differs between runs with different fingerprints.
fn identity(fingerprint: &Fingerprint) -> String {
    let text: Vec<String> = fingerprint.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{:08x}", crc32fast::hash(text.join("\n").as_bytes()))
}

/// Keeps the last checkpoint as the one before the last. The file is linked, so that there is a last one at every moment.
fn keep_last(folder: &Path) -> Result<(), TrainError> {
    let (last, before) = (folder.join(LAST), folder.join(BEFORE_LAST));
    if !last.exists() {
        return Ok(());
    }
    let failed = |source| DataError::Write { path: before.clone(), source, remedy: "choose a folder that can be written" };
    match std::fs::remove_file(&before) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error).into()),
        _ => {}
    }
    // Some file systems have no links.
    std::fs::hard_link(&last, &before).or_else(|_| std::fs::rename(&last, &before)).map_err(failed)?;
    Ok(())
}

/// Returns the checkpoint of a run in a folder, if there is one.
pub(in crate::app) fn checkpoint_in(folder: &Path) -> Option<PathBuf> {
    [LAST, BEFORE_LAST].map(|name| folder.join(name)).into_iter().find(|path| path.exists())
}

/// Removes the checkpoints of a run, so that it can start again.
///
/// # Errors
/// A file cannot be removed.
pub(super) fn remove_checkpoints(folder: &Path) -> Result<(), TrainError> {
    for path in [LAST, BEFORE_LAST, BEST, HISTORY].map(|name| folder.join(name)) {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(DataError::Write { path, source, remedy: "remove the file" }.into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads the model of the best epoch from a run folder.
///
/// # Errors
/// The file is missing or damaged, or another run wrote it.
pub(super) fn load_best(
    folder: &Path,
    shape: &NetworkShape,
    initial: &NetworkState,
    fingerprint: &Fingerprint,
) -> Result<NetworkState, TrainError> {
    let path = folder.join(BEST);
    let file = WeightsFile::open(&path)?;
    let (saved, wanted) = (file.metadata().get(RUN).map_or("absent".to_string(), |run| run.to_string()), identity(fingerprint));
    if saved != wanted {
        return Err(TrainError::OtherRun { path, what: RUN, saved, wanted });
    }
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

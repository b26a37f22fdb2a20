//! Checkpoints: everything a run needs to go on as if it had never stopped, and the best head so far.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::TrainError;
use super::history::{self, EpochRecord};
use super::plan::{HeadShape, TRAINED};
use super::session::HeadState;
use crate::data::{DataError, write_atomically};
use crate::model::Head;
use crate::model::weights::{StoredPrecision, StoredTensor, WeightsFile, write_weights};

/// Where a run can go on, in its folder.
pub const LAST: &str = "checkpoints/last.safetensors";
/// The head of the epoch with the best validation accuracy, in the run's folder.
pub const BEST: &str = "checkpoints/best.safetensors";
/// The course of the run, in its folder.
pub const HISTORY: &str = "history.csv";

const FORMAT: &str = "lineament-checkpoint-1";
const LOSSES: &str = "progress.losses";

/// What a run depends on, by name: a run goes on only with the same.
pub(super) type Fingerprint = Vec<(&'static str, String)>;

/// A run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checkpoint {
    /// Weights and optimizer state.
    pub state: HeadState,
    /// The best head so far; `None` before the first epoch ends.
    pub best: Option<Head>,
    /// The epochs that are done.
    pub history: Vec<EpochRecord>,
    /// Losses of the steps that are done in the epoch after them.
    pub losses: Vec<f32>,
    /// Right predictions of each attribute in these steps.
    pub correct: Vec<u32>,
}

impl Checkpoint {
    /// A run that has not begun.
    pub(super) fn new(head: Head) -> Checkpoint {
        let correct = vec![0; head.attributes as usize];
        Checkpoint { state: HeadState::new(head), best: None, history: Vec::new(), losses: Vec::new(), correct }
    }

    /// Writes the checkpoint, the best head with `metadata`, and the history, each whole or not at all. The checkpoint comes
    /// first and holds what the others are made of, so a run that is cut off between them makes them again.
    ///
    /// # Errors
    /// A value is not finite, or a file cannot be written.
    pub(super) fn save(
        &self,
        folder: &Path,
        fingerprint: &Fingerprint,
        metadata: &BTreeMap<String, String>,
    ) -> Result<PathBuf, TrainError> {
        let path = folder.join(LAST);
        let parent = folder.join("checkpoints");
        std::fs::create_dir_all(&parent).map_err(|source| DataError::Write {
            path: parent.clone(),
            source,
            remedy: "choose a folder you may write to",
        })?;
        self.write_last(&path, fingerprint)?;
        if let (Some(head), Some(record)) = (&self.best, history::best(&self.history)) {
            let mut metadata = metadata.clone();
            metadata.insert("epoch".to_string(), record.epoch.to_string());
            metadata.insert("validation_accuracy".to_string(), record.validation_accuracy.to_string());
            head.stored(|tensors| write_weights(&folder.join(BEST), tensors, &metadata, StoredPrecision::F32))?;
        }
        write_atomically(&folder.join(HISTORY), |writer| writer.write_all(history::to_csv(&self.history).as_bytes()))?;
        Ok(path)
    }

    fn write_last(&self, path: &Path, fingerprint: &Fingerprint) -> Result<(), TrainError> {
        let mut metadata: BTreeMap<String, String> =
            fingerprint.iter().map(|(name, value)| (format!("training.{name}"), value.clone())).collect();
        let correct: Vec<String> = self.correct.iter().map(u32::to_string).collect();
        metadata.insert("format".to_string(), FORMAT.to_string());
        metadata.insert("history".to_string(), history::to_csv(&self.history));
        metadata.insert("steps".to_string(), self.losses.len().to_string());
        metadata.insert("correct".to_string(), correct.join(","));

        let shapes = shapes(self.state.shape());
        let names = Names::new();
        let steps = [self.losses.len()];
        let mut tensors = Vec::new();
        let mut store = |name, shape, values| tensors.push(StoredTensor { name, shape, values });
        for (tensor, shape) in shapes.iter().enumerate() {
            store(Head::TENSORS[tensor], shape.as_slice(), &self.state.head.tensors[tensor]);
            if let Some(best) = &self.best {
                store(&names.best[tensor], shape, &best.tensors[tensor]);
            }
        }
        for ((tensor, names), values) in TRAINED.into_iter().zip(&names.accumulated).zip(&self.state.accumulated) {
            store(&names[0], &shapes[tensor], &values[0]);
            store(&names[1], &shapes[tensor], &values[1]);
        }
        if !self.losses.is_empty() {
            store(LOSSES, &steps, &self.losses);
        }
        Ok(write_weights(path, &tensors, &metadata, StoredPrecision::F32)?)
    }

    /// Reads the checkpoint of a run's folder; `None` where there is none.
    ///
    /// # Errors
    /// The file is damaged, or belongs to a run of another fingerprint.
    pub(super) fn load(folder: &Path, shape: HeadShape, fingerprint: &Fingerprint) -> Result<Option<Checkpoint>, TrainError> {
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
        let count = |key| header.get(key)?.parse::<usize>().map_err(|error| header.wrong(key, format!("is no number: {error}")));
        let correct: Vec<u32> = header
            .get("correct")?
            .split(',')
            .map(|count| count.parse().map_err(|_| header.wrong("correct", format!("has `{count}` where a count is wanted"))))
            .collect::<Result<_, _>>()?;
        if correct.len() != shape.attributes as usize {
            return Err(header.wrong("correct", format!("has {} counts for {} attributes", correct.len(), shape.attributes)));
        }

        let (shapes, names) = (shapes(shape), Names::new());
        let read_head = |names: [&str; 8]| -> Result<Head, TrainError> {
            let HeadShape { features, hidden, attributes } = shape;
            let mut head = Head { features, hidden, attributes, tensors: Default::default() };
            for ((name, shape), tensor) in names.into_iter().zip(&shapes).zip(&mut head.tensors) {
                *tensor = file.f32(name, shape)?;
            }
            Ok(head)
        };
        let mut state = HeadState::new(read_head(Head::TENSORS)?);
        for ((tensor, names), values) in TRAINED.into_iter().zip(&names.accumulated).zip(&mut state.accumulated) {
            *values = [file.f32(&names[0], &shapes[tensor])?, file.f32(&names[1], &shapes[tensor])?];
        }
        let best = if history.is_empty() { None } else { Some(read_head(names.best.each_ref().map(String::as_str))?) };
        let steps = count("steps")?;
        let losses = if steps == 0 { Vec::new() } else { file.f32(LOSSES, &[steps])? };
        Ok(Some(Checkpoint { state, best, history, losses, correct }))
    }
}

fn shapes(shape: HeadShape) -> [Vec<usize>; 8] {
    Head::shapes([shape.features, shape.hidden, shape.attributes])
}

/// Names of a checkpoint's tensors beside the head's own.
struct Names {
    best: [String; 8],
    accumulated: [[String; 2]; 6],
}

impl Names {
    fn new() -> Names {
        let accumulated = |tensor: usize| {
            ["accumulated_gradient", "accumulated_update"].map(|what| format!("optimizer.{}.{what}", Head::TENSORS[tensor]))
        };
        Names { best: Head::TENSORS.map(|name| format!("best.{name}")), accumulated: TRAINED.map(accumulated) }
    }
}

/// A checkpoint's metadata.
struct Header<'a> {
    path: &'a Path,
    metadata: BTreeMap<&'a str, &'a str>,
}

impl Header<'_> {
    fn get(&self, key: &'static str) -> Result<&str, TrainError> {
        self.metadata.get(key).copied().ok_or_else(|| self.wrong(key, "is missing".to_string()))
    }

    fn wrong(&self, key: &'static str, problem: String) -> TrainError {
        TrainError::Metadata { path: self.path.to_path_buf(), key, problem }
    }
}

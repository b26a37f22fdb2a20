//! `reproduce.json`: records which steps of a reproduction are done, and with which inputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::app::{Error, write_json};
use crate::data::json::read_if_present;
use crate::plan::hexadecimal;

/// Name of the file in the run folder.
const FILE: &str = "reproduce.json";

/// The records of all steps.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Version of the program that wrote the file.
    version: String,
    /// The records by the name of the step.
    pub steps: BTreeMap<String, Record>,
}

/// The record of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Everything that the result depends on: settings, and hashes of the files that were read.
    pub inputs: Value,
    /// Whether the step was completed.
    pub finished: bool,
    /// Wall-clock seconds of the last time it ran.
    pub seconds: f64,
    /// The reason why it was skipped, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl State {
    /// Reads the state of a run folder; it is empty if there is no file.
    pub fn read(run: &Path) -> Result<State, Error> {
        let known = read_if_present(&run.join(FILE), "the state of a reproduction", "remove it to do every step again")?;
        Ok(known.unwrap_or_default())
    }

    /// Adds the record of a step and writes the file.
    pub fn put(&mut self, run: &Path, step: &str, record: Record) -> Result<(), Error> {
        self.version = concat!("lineament ", env!("CARGO_PKG_VERSION")).into();
        self.steps.insert(step.into(), record);
        write_json(&run.join(FILE), self)
    }

    /// Returns whether a step was completed with these inputs and its files still exist.
    pub fn is_done(&self, run: &Path, step: &str, inputs: &Value, files: &[&str]) -> bool {
        let recorded = self.steps.get(step).is_some_and(|record| record.finished && record.inputs == *inputs);
        recorded && files.iter().all(|file| run.join(file).is_file())
    }
}

/// Returns the SHA-256 hash of bytes, in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    hexadecimal(Sha256::digest(bytes))
}

/// Returns the SHA-256 hash of a file, or `None` if it cannot be read.
pub fn hash_of(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| hash(&bytes))
}

/// Renames a folder to the first free name of the form NAME-earlier-N, so that results that took long are kept. Returns the new
/// path.
pub fn put_aside(folder: &Path) -> Result<PathBuf, Error> {
    let name = folder.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let free = (1..).map(|number| folder.with_file_name(format!("{name}-earlier-{number}"))).find(|path| !path.exists());
    let aside = free.unwrap_or_default();
    std::fs::rename(folder, &aside).map_err(|source| Error::File { path: folder.to_path_buf(), source })?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_step_is_done_with_its_inputs_and_its_files_only() {
        let run = tempfile::tempdir().unwrap();
        let run = run.path();
        let mut state = State::read(run).unwrap();
        assert!(!state.is_done(run, "eval", &json!({"k": 1}), &[]));
        let record = Record { inputs: json!({"k": 1}), finished: true, seconds: 2.0, skipped: None };
        state.put(run, "eval", record.clone()).unwrap();
        let state = State::read(run).unwrap();
        assert_eq!(state.steps["eval"], record);
        assert!(state.is_done(run, "eval", &json!({"k": 1}), &[]));
        assert!(!state.is_done(run, "eval", &json!({"k": 2}), &[]));
        assert!(!state.is_done(run, "eval", &json!({"k": 1}), &["metrics.json"]));
        std::fs::write(run.join("reproduce.json"), "[").unwrap();
        let message = State::read(run).unwrap_err().to_string();
        assert!(message.contains("reproduce.json") && message.contains("remove"), "{message}");
    }

    #[test]
    fn a_folder_is_put_aside_under_a_free_name() {
        let run = tempfile::tempdir().unwrap();
        let folder = run.path().join("train");
        for number in [1, 2] {
            std::fs::create_dir(&folder).unwrap();
            assert_eq!(put_aside(&folder).unwrap(), run.path().join(format!("train-earlier-{number}")));
            assert!(!folder.exists());
        }
    }
}

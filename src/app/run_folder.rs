//! Run folders: results, and `config.json`, which records how each result was made.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use crate::data::json::read_if_present;
use crate::data::{DataError, write_atomically};
use crate::profiles::Device;

/// Subcommands that write `attributes.csv`. Each one replaces the file, so it also removes the record of the other one.
const WRITE_ATTRIBUTES: [&str; 2] = ["predict", "eval"];

/// A folder with the results of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Opens the folder, and creates it and its parents if they are missing.
    ///
    /// # Errors
    /// The folder cannot be created or written.
    pub fn create(path: &Path) -> Result<RunFolder, Error> {
        std::fs::create_dir_all(path).map_err(|source| Error::Folder { path: path.to_path_buf(), source })?;
        ensure_writable(&path.join("config.json"))?;
        Ok(RunFolder { path: path.to_path_buf() })
    }

    /// Returns the path of a file in the folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Records in `config.json` how the result of the subcommand `verb` was made. The records of other subcommands are kept
    /// unless their file was replaced.
    ///
    /// # Errors
    /// `config.json` is damaged, or it cannot be read or written.
    pub fn record(
        &self,
        verb: &str,
        device: Option<&Device>,
        mut details: Map<String, Value>,
        context: &Context,
    ) -> Result<(), Error> {
        let path = self.at("config.json");
        let known: Option<Map<String, Value>> =
            read_if_present(&path, "a JSON object that records a run", "remove it and run the command again")?;
        let mut config = known.unwrap_or_default();
        if let Some(command) = &context.command {
            details.insert("command".into(), json!(command));
        }
        if let Some(device) = device {
            let report = device.report();
            let adapter = format!("{} ({}, {}; {})", report.name, report.backend, report.kind, report.driver);
            details.insert("adapter".into(), json!(adapter));
            if let Some(winners) = device.profile().winners() {
                details.insert("tuned_choices".into(), json!(winners.len()));
            }
        }
        if WRITE_ATTRIBUTES.contains(&verb) {
            config.retain(|recorded, _| !WRITE_ATTRIBUTES.contains(&recorded.as_str()));
        }
        config.insert("version".into(), json!(concat!("lineament ", env!("CARGO_PKG_VERSION"))));
        config.insert(verb.into(), Value::Object(details));
        write_json(&path, &config)
    }
}

/// Checks, before long work, that a file can be written to `path`. Leaves nothing behind.
///
/// # Errors
/// The folder is missing or cannot be written, or `path` is itself a folder.
pub fn ensure_writable(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match tempfile::tempfile_in(folder) {
        Ok(_) if !path.is_dir() => Ok(()),
        Ok(_) => Err(Error::IsFolder { path: path.to_path_buf() }),
        Err(source) => Err(Error::Unwritable { path: path.to_path_buf(), source }),
    }
}

/// Writes a file, completely or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    write_atomically(path, |writer| writer.write_all(bytes))
}

/// Writes a value as a file of indented JSON, completely or not at all.
///
/// # Errors
/// The value cannot be converted to JSON, or the file cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(write_file(path, &bytes)?)
}

/// Returns a value as JSON on one line.
///
/// # Errors
/// The value cannot be converted to JSON.
pub fn json_line(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_replaces_that_of_the_file_it_wrote_over_and_keeps_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = RunFolder::create(&folder.path().join("new/run")).expect("a run folder");
        let context = Context { command: Some("lineament eval".into()), ..Context::default() };
        run.record("cluster", None, Map::new(), &Context::default()).expect("a record");
        run.record("predict", None, Map::new(), &context).expect("a record");
        run.record("eval", None, Map::new(), &context).expect("a record");
        let config: Value = serde_json::from_slice(&std::fs::read(run.at("config.json")).expect("a file")).expect("JSON");
        assert_eq!(config["eval"]["command"], "lineament eval");
        assert!(config["cluster"].is_object() && config["cluster"].get("command").is_none() && config.get("predict").is_none());
        std::fs::write(run.at("config.json"), "{").expect("a file");
        let message = run.record("eval", None, Map::new(), &context).expect_err("damaged").to_string();
        assert!(message.contains("config.json") && message.contains("remove it"), "{message}");

        // A record that cannot be read is not taken for a missing one.
        std::fs::remove_file(run.at("config.json")).expect("a file");
        std::fs::create_dir(run.at("config.json")).expect("a folder");
        assert!(matches!(run.record("eval", None, Map::new(), &context), Err(Error::Data(DataError::Read { .. }))));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(ensure_writable(&folder.path().join("out.csv")).is_ok());
        assert!(matches!(ensure_writable(folder.path()), Err(Error::IsFolder { .. })));
        assert!(matches!(ensure_writable(&folder.path().join("none/out.csv")), Err(Error::Unwritable { .. })));
    }
}

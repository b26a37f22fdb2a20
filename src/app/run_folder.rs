//! Run folders: results, and `config.json`, which records how each result was made.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use crate::data::atomic::remove_abandoned;
use crate::data::json::read_if_present;
use crate::data::{DataError, write_atomically};
use crate::profiles::Device;

/// Subcommands that write `attributes.csv`. Each one replaces the file, so it also removes the record of the other one.
const WRITE_ATTRIBUTES: [&str; 2] = ["predict", "eval"];

/// File in a run folder that records how its results were made.
const CONFIGURATION: &str = "config.json";

/// A folder with the results of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// A lock on a run folder. Dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct FolderLock {
    _file: std::fs::File,
}

impl RunFolder {
    /// Opens the folder, and creates it and its parents if they are missing. Removes what a killed run left half-written there.
    ///
    /// # Errors
    /// The folder cannot be created or written, or `config.json` in it is damaged.
    pub fn create(path: &Path) -> Result<RunFolder, Error> {
        std::fs::create_dir_all(path).map_err(|source| Error::Folder { path: path.to_path_buf(), source })?;
        let run = RunFolder { path: path.to_path_buf() };
        ensure_writable(&run.at(CONFIGURATION))?;
        // A damaged record would otherwise be noticed only after the work.
        run.configuration()?;
        Ok(run)
    }

    /// Keeps other processes from training in this folder as long as the result lives. Only Linux has such locks.
    ///
    /// # Errors
    /// [`Error::InUse`] if another process has the lock, and [`Error::File`] if the folder cannot be opened.
    pub fn lock(&self) -> Result<FolderLock, Error> {
        let file = std::fs::File::open(&self.path).map_err(|source| Error::File { path: self.path.clone(), source })?;
        #[cfg(target_os = "linux")]
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err_and(|error| {
            // Some network file systems have no locks.
            error == rustix::io::Errno::WOULDBLOCK
        }) {
            return Err(Error::InUse { path: self.path.clone() });
        }
        Ok(FolderLock { _file: file })
    }

    /// Returns the path of a file in the folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads `config.json`. Returns an empty record if there is none.
    fn configuration(&self) -> Result<Map<String, Value>, Error> {
        let remedy = "remove it and run the command again";
        let known = read_if_present(&self.at(CONFIGURATION), "a JSON object that records a run", remedy)?;
        Ok(known.unwrap_or_default())
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
        let path = self.at(CONFIGURATION);
        let mut config = self.configuration()?;
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

/// Checks, before long work, that a file can be written to `path`. Leaves nothing behind, and removes what killed programs left
/// half-written beside it.
///
/// # Errors
/// The folder is missing or cannot be written, or `path` is a folder, a device or a pipe.
pub fn ensure_writable(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = |source| Error::Unwritable { path: path.to_path_buf(), source };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(Error::IsFolder { path: path.to_path_buf() }),
        // A file is replaced as a whole, which would turn a device into a file.
        Ok(found) if !found.is_file() => {
            return Err(unwritable(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file")));
        }
        _ => {}
    }
    tempfile::tempfile_in(folder).map_err(unwritable)?;
    remove_abandoned(folder);
    Ok(())
}

/// Checks that no result would overwrite a file that the same command reads.
///
/// # Errors
/// [`Error::Misuse`] names the first of `outputs` that is one of `inputs`, also if it has another name through a link.
pub fn refuse_overwriting<'p>(
    outputs: impl IntoIterator<Item = PathBuf>,
    inputs: impl IntoIterator<Item = &'p Path>,
) -> Result<(), Error> {
    let outputs: Vec<(PathBuf, FileIdentity)> =
        outputs.into_iter().filter_map(|path| identity(&path).map(|identity| (path, identity))).collect();
    // Few commands write to a file that exists, so the inputs are rarely looked at.
    if outputs.is_empty() {
        return Ok(());
    }
    let inputs: HashSet<FileIdentity> = inputs.into_iter().filter_map(identity).collect();
    match outputs.into_iter().find(|(_, identity)| inputs.contains(identity)) {
        None => Ok(()),
        Some((path, _)) => {
            let problem = format!("{}: is read by this command and would be overwritten; name another output", path.display());
            Err(Error::Misuse(problem))
        }
    }
}

/// What identifies an existing file whatever its path is: device and inode, or the path without links.
#[cfg(unix)]
type FileIdentity = (u64, u64);
#[cfg(not(unix))]
type FileIdentity = PathBuf;

fn identity(path: &Path) -> Option<FileIdentity> {
    #[cfg(unix)]
    return std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|found| {
        use std::os::unix::fs::MetadataExt;
        (found.dev(), found.ino())
    });
    #[cfg(not(unix))]
    path.canonicalize().ok().filter(|path| path.is_file())
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
        let message = RunFolder::create(&folder.path().join("new/run")).expect_err("damaged").to_string();
        assert!(message.contains("config.json") && message.contains("remove it"), "{message}");
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
        if cfg!(unix) {
            assert!(matches!(ensure_writable(Path::new("/dev/null")), Err(Error::Unwritable { .. })));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_is_locked_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = RunFolder::create(folder.path()).expect("a run folder");
        let lock = run.lock().expect("a lock");
        let message = run.lock().expect_err("locked").to_string();
        assert!(message.contains("another process is training"), "{message}");
        drop(lock);
        run.lock().expect("a lock");
    }

    #[test]
    fn an_output_that_is_an_input_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.jpg"), "a").expect("a file");
        std::fs::write(at("b.jpg"), "b").expect("a file");
        let (input, other, missing) = (at("a.jpg"), at("b.jpg"), at("c.jpg"));
        let inputs = || [input.as_path(), missing.as_path()];
        assert!(refuse_overwriting([other.clone(), missing.clone()], inputs()).is_ok());
        let message = refuse_overwriting([other.clone(), at("./a.jpg")], inputs()).expect_err("an input").to_string();
        assert!(message.contains("a.jpg: is read by this command"), "{message}");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("a.jpg", at("link")).expect("a link");
            assert!(refuse_overwriting([at("link")], inputs()).is_err());
            assert!(refuse_overwriting([at("a.jpg")], [at("link").as_path()]).is_err());
        }
    }
}

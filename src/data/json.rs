//! Reads the JSON files that commands leave: results, descriptions of runs, and winners of the autotuner.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::DataError;
use super::source::open_file;

/// Reads a JSON file and checks its content with `check`. `command` is the command that writes such a file, for messages.
///
/// # Errors
/// When the file cannot be read, is not JSON of the form of `T`, or fails the check.
pub(crate) fn read_checked<T: DeserializeOwned>(
    path: &Path,
    command: &str,
    check: fn(&T) -> Result<(), String>,
) -> Result<T, DataError> {
    let form = format!("a result of `{command}`");
    let remedy = format!("create it again with `{command}`");
    let missing = || DataError::read(path, io::ErrorKind::NotFound.into());
    let value = read_if_present(path, &form, &remedy)?.ok_or_else(missing)?;
    check(&value).map_err(|problem| DataError::file(path, problem, remedy))?;
    Ok(value)
}

/// Reads a JSON file. Returns `None` if there is no file. `form` says what the file should be, and `remedy` how to repair a
/// file that is something else.
///
/// # Errors
/// When the file cannot be read or is not JSON of the form of `T`.
pub(crate) fn read_if_present<T: DeserializeOwned>(path: &Path, form: &str, remedy: &str) -> Result<Option<T>, DataError> {
    let read = |mut file: std::fs::File| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes).map(|_| bytes)
    };
    let bytes = match open_file(path).and_then(read) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DataError::read(path, source)),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|malformed| DataError::file(path, format!("not {form}: {malformed}"), remedy))
}

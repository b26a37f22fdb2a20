//! Reads the JSON files in which commands leave their results.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::DataError;

/// Reads a JSON file and checks its content with `check`. `command` is the command that writes such a file, for messages.
///
/// # Errors
/// When the file cannot be read, is not JSON of the form of `T`, or fails the check.
pub(crate) fn read_checked<T: DeserializeOwned>(
    path: &Path,
    command: &str,
    check: fn(&T) -> Result<(), String>,
) -> Result<T, DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::read(path, source))?;
    let result = serde_json::from_slice(&bytes).map_err(|malformed| format!("not a result of `{command}`: {malformed}"));
    let checked = result.and_then(|value: T| check(&value).map(|()| value));
    checked.map_err(|problem| DataError::file(path, problem, format!("create it again with `{command}`")))
}

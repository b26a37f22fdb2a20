//! The features of all images, computed once: a table in memory, and its cache on disk.
//!
//! The cache consists of three files in the run folder. `features.f32` contains rows of little-endian f32 in the order of the
//! data, appended batch by batch. `features.json` says to which images and weights they belong. So an interrupted extraction can
//! continue, and rows of other images or weights are refused. `features.marks` says from which content of an image each row was
//! computed, and has a checksum of the row. So the rows of images that were replaced, and damaged rows, can be computed again. An
//! image that could not be decoded and was left out also has a row, in which every value is the NaN [`UNREADABLE`].

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::row_marks::{MARKS_FILE, RowMarks};
use crate::data::{DataError, StoredOrientation, write_atomically};
use crate::plan::hexadecimal;

/// File in the run folder with the rows.
pub const ROWS_FILE: &str = "features.f32";
/// File in the run folder that says what the rows belong to.
pub const IDENTITY_FILE: &str = "features.json";
/// The bits of every value in the row of an image that could not be decoded: a NaN that arithmetic does not produce.
pub const UNREADABLE: u32 = 0x7fc0_4c4e;
const FORMAT: &str = "lineament-features-2";
/// Maximum length of `features.json` that is read.
const IDENTITY_BYTES: u64 = 1 << 16;

/// Why features cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// A file cannot be read or written.
    #[error("{}: {source}; check the path, its permissions and the free space", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The description of the rows cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of the cache is damaged or missing.
    #[error("{}: {problem}; delete {IDENTITY_FILE} and {ROWS_FILE} to compute the features again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The rows belong to other images or weights.
    #[error(
        "{}: has features with {what} {found}, but {wanted} is expected; choose another folder, or delete {IDENTITY_FILE} and \
         {ROWS_FILE} to compute them again", path.display()
    )]
    Other {
        /// The description.
        path: PathBuf,
        /// The part of it that differs.
        what: &'static str,
        /// The value in the file.
        found: String,
        /// The expected value.
        wanted: String,
    },
    /// The rows cannot be features of these images.
    #[error("features: {problem}")]
    Rows {
        /// What is wrong with them.
        problem: String,
    },
}

/// What rows of features depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureIdentity {
    /// SHA-256 of the backbone's weights file, in hexadecimal.
    pub weights_sha256: String,
    /// [`FeatureIdentity::of_names`] of the images' names, in order.
    pub data_sha256: String,
    /// Number of images.
    pub images: u64,
    /// Number of values in a row.
    pub features: u32,
    /// Height and width of the network's input.
    pub size: u32,
    /// How images are resized to the network's input.
    pub interpolation: String,
    /// What was done with the orientation that a camera stored.
    pub orientation: StoredOrientation,
}

#[derive(Serialize, Deserialize)]
struct Description {
    format: String,
    #[serde(flatten)]
    identity: FeatureIdentity,
}

impl FeatureIdentity {
    /// Returns the SHA-256 hash of the images' names in order, in hexadecimal.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
        let mut hash = Sha256::new();
        for name in names {
            // Each name is hashed with its length, so that different lists never give the same bytes.
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        hexadecimal(hash.finalize())
    }

    /// Returns the first part in which `found` differs: its name, its value in `found`, and its value in `self`.
    fn difference(&self, found: &FeatureIdentity) -> Option<(&'static str, String, String)> {
        let parts = [
            ("the weights' SHA-256", found.weights_sha256.clone(), self.weights_sha256.clone()),
            ("a number of images of", found.images.to_string(), self.images.to_string()),
            ("names of images with the SHA-256", found.data_sha256.clone(), self.data_sha256.clone()),
            ("values a row of", found.features.to_string(), self.features.to_string()),
            ("an input size of", found.size.to_string(), self.size.to_string()),
            ("interpolation", found.interpolation.clone(), self.interpolation.clone()),
            (
                "stored orientations",
                format!("{:?}", found.orientation).to_lowercase(),
                format!("{:?}", self.orientation).to_lowercase(),
            ),
        ];
        parts.into_iter().find(|(_, found, wanted)| found != wanted)
    }
}

/// Rows of features in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTable {
    features: usize,
    values: Vec<f32>,
}

impl FeatureTable {
    /// Returns a table of rows with `features` values each.
    ///
    /// # Errors
    /// [`FeatureError::Rows`] if the last row is incomplete, or a value is NaN or infinite. The message names it.
    pub fn new(features: usize, values: Vec<f32>) -> Result<FeatureTable, FeatureError> {
        check(features, &values, 0).map_err(|problem| FeatureError::Rows { problem })?;
        Ok(FeatureTable { features, values })
    }

    /// Returns the number of values in a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.features
    }

    /// Returns a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.features..(index + 1) * self.features]
    }

    /// Returns the indices of the rows of images that could not be decoded.
    pub fn unreadable(&self) -> Vec<usize> {
        (0..self.rows()).filter(|&row| is_unreadable(self.row(row))).collect()
    }

    /// Returns those of `rows` whose images could be decoded.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn readable(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().copied().filter(|&row| !is_unreadable(self.row(row as usize))).collect()
    }

    /// Returns the values of all rows, one row after the other.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// Returns whether a row is that of an image that could not be decoded.
fn is_unreadable(row: &[f32]) -> bool {
    row.iter().all(|value| value.to_bits() == UNREADABLE)
}

/// Checks that there are whole rows of finite values, or of [`UNREADABLE`] ones. `first` is the index of the first row, for the
/// message. The error says what is wrong.
fn check(features: usize, values: &[f32], first: u64) -> Result<(), String> {
    if features == 0 || !values.len().is_multiple_of(features) {
        return Err(format!("{} values do not form whole rows of {features}", values.len()));
    }
    for (row, values) in (first..).zip(values.chunks_exact(features)) {
        if let Some(column) = values.iter().position(|value| !value.is_finite()).filter(|_| !is_unreadable(values)) {
            return Err(format!("row {row}, column {column} is {}", values[column]));
        }
    }
    Ok(())
}

/// The cache in a run folder, opened for appending.
#[derive(Debug)]
pub struct FeatureCache {
    path: PathBuf,
    file: File,
    marks: RowMarks,
    identity: FeatureIdentity,
    done: u64,
}

impl FeatureCache {
    /// Opens the cache in `folder`, or creates one. An incomplete last row is dropped.
    ///
    /// # Errors
    /// [`FeatureError::Other`] if the cache belongs to other images or weights, [`FeatureError::Damaged`] if that cannot be
    /// determined, [`FeatureError::File`] if the folder is missing or cannot be written.
    pub fn open(folder: &Path, identity: &FeatureIdentity) -> Result<FeatureCache, FeatureError> {
        let (path, description) = (folder.join(ROWS_FILE), folder.join(IDENTITY_FILE));
        match read_identity(&description)? {
            Some(found) => {
                if let Some((what, found, wanted)) = identity.difference(&found) {
                    return Err(FeatureError::Other { path: description, what, found, wanted });
                }
            }
            None if path.exists() => {
                let problem = format!("is missing, so nothing says to which images {ROWS_FILE} belongs");
                return Err(FeatureError::Damaged { path: description, problem });
            }
            None => {
                let text = Description { format: FORMAT.to_string(), identity: identity.clone() };
                write_atomically(&description, |writer| serde_json::to_writer_pretty(writer, &text).map_err(io::Error::from))?;
            }
        }
        let refused = |source| FeatureError::File { path: path.clone(), source };
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(refused)?;
        let length = file.metadata().map_err(refused)?.len();
        let row = 4 * u64::from(identity.features.max(1));
        let done = length / row;
        if done > identity.images {
            let problem = format!("has {done} rows for {} images", identity.images);
            return Err(FeatureError::Damaged { path, problem });
        }
        // A run that was killed may have written rows without their marks.
        let of_marks = folder.join(MARKS_FILE);
        let refused_marks = |source| FeatureError::File { path: of_marks.clone(), source };
        let mut marks = RowMarks::open(&of_marks).map_err(refused_marks)?;
        let done = done.min(marks.len() as u64);
        marks.truncate(done as usize).map_err(refused_marks)?;
        file.set_len(done * row).map_err(refused)?;
        Ok(FeatureCache { path, file, marks, identity: identity.clone(), done })
    }

    /// Returns the number of rows in the cache. The images before this one need not be processed again.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Returns whether every image has a row.
    pub fn is_complete(&self) -> bool {
        self.done == self.identity.images
    }

    /// Returns the rows that were computed from another version of their image than the given one, or whose bytes have changed
    /// since. `versions` are the [versions](crate::data::ImageSource::version) of all images.
    ///
    /// # Errors
    /// [`FeatureError::File`] if the rows cannot be read.
    pub fn outdated(&mut self, versions: &[String]) -> Result<Vec<u64>, FeatureError> {
        let refused = |source| FeatureError::File { path: self.path.clone(), source };
        let mut file = io::BufReader::new(&self.file);
        file.seek(SeekFrom::Start(0)).map_err(refused)?;
        let mut bytes = vec![0; 4 * self.identity.features as usize];
        let mut outdated = Vec::new();
        for (row, version) in (0..self.done).zip(versions) {
            file.read_exact(&mut bytes).map_err(refused)?;
            if !self.marks.is_of(row as usize, version) || !self.marks.is_whole(row as usize, &bytes) {
                outdated.push(row);
            }
        }
        Ok(outdated)
    }

    /// Appends the rows of the next images, which have these versions. They are on disk when this returns.
    ///
    /// # Errors
    /// [`FeatureError::Rows`] if the rows are incomplete, not finite or too many, [`FeatureError::File`] if they cannot be
    /// written.
    pub fn append(&mut self, values: &[f32], versions: &[String]) -> Result<(), FeatureError> {
        let features = self.identity.features as usize;
        check(features, values, self.done).map_err(|problem| FeatureError::Rows { problem })?;
        let rows = (values.len() / features) as u64;
        if rows > self.identity.images - self.done {
            let problem = format!("{} rows for {} images", self.done + rows, self.identity.images);
            return Err(FeatureError::Rows { problem });
        }
        self.write(self.done, values, versions)?;
        self.done += rows;
        Ok(())
    }

    /// Replaces an existing row. It is on disk when this returns.
    ///
    /// # Errors
    /// The same as [`append`](Self::append); also if there is no such row.
    pub fn replace(&mut self, row: u64, values: &[f32], version: &str) -> Result<(), FeatureError> {
        let features = self.identity.features as usize;
        check(features, values, row).map_err(|problem| FeatureError::Rows { problem })?;
        if row >= self.done || values.len() != features {
            let problem = format!("{} values for row {row} of {} with {features} each", values.len(), self.done);
            return Err(FeatureError::Rows { problem });
        }
        self.write(row, values, &[version.to_owned()])
    }

    /// Writes rows from `first` on, and then their marks.
    fn write(&mut self, first: u64, values: &[f32], versions: &[String]) -> Result<(), FeatureError> {
        let refused = |source| FeatureError::File { path: self.path.clone(), source };
        let row = 4 * self.identity.features as usize;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if versions.len() * row != bytes.len() {
            let problem = format!("{} versions for {} rows", versions.len(), bytes.len() / row);
            return Err(FeatureError::Rows { problem });
        }
        self.file.seek(SeekFrom::Start(first * row as u64)).map_err(refused)?;
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).map_err(refused)?;
        let marked = self.marks.write(first as usize, versions, bytes.chunks_exact(row));
        marked.map_err(|source| FeatureError::File { path: self.path.with_file_name(MARKS_FILE), source })
    }

    /// Reads the whole table.
    ///
    /// # Errors
    /// [`FeatureError::Rows`] if rows are missing, [`FeatureError::Damaged`] if a value in the file is not finite,
    /// [`FeatureError::File`] if they cannot be read.
    pub fn read(&mut self) -> Result<FeatureTable, FeatureError> {
        if !self.is_complete() {
            let problem = format!("only {} of {} rows have been computed", self.done, self.identity.images);
            return Err(FeatureError::Rows { problem });
        }
        let refused = |source| FeatureError::File { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(0)).map_err(refused)?;
        let features = self.identity.features as usize;
        // The length of the file sets the size of the buffer, because the description may be wrong.
        let mut values = Vec::with_capacity(self.done as usize * features);
        let mut bytes = vec![0; 4 * features];
        for _ in 0..self.done {
            self.file.read_exact(&mut bytes).map_err(refused)?;
            values.extend(bytes.chunks_exact(4).map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]])));
        }
        check(features, &values, 0).map_err(|problem| FeatureError::Damaged { path: self.path.clone(), problem })?;
        Ok(FeatureTable { features, values })
    }
}

/// Reads `features.json`. Returns `None` if there is none.
fn read_identity(path: &Path) -> Result<Option<FeatureIdentity>, FeatureError> {
    let refused = |source| FeatureError::File { path: path.to_path_buf(), source };
    let damaged = |problem: String| FeatureError::Damaged { path: path.to_path_buf(), problem };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    let mut text = Vec::new();
    file.take(IDENTITY_BYTES).read_to_end(&mut text).map_err(refused)?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if value["format"] != FORMAT {
        return Err(damaged(format!("its format is {} where \"{FORMAT}\" is expected", value["format"])));
    }
    let description: Description = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
    Ok(Some(description.identity))
}

//! Where winners are kept between runs.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::measure::Candidate;
use crate::data::{DataError, write_atomically};
use crate::device::AdapterReport;
use crate::ops::{Choice, candidates, identity};
use crate::plan::VariantId;
use crate::profiles::{DeviceProfile, OperationShape, Winners};
use crate::wgsl::expand;

/// Names the folder, where it is not the user's cache folder.
const FOLDER_VARIABLE: &str = "LINEAMENT_CACHE";

/// Why winners cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is there and cannot be read.
    #[error("{}: {problem}; `lineament tune --again` replaces it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The folder cannot be made.
    #[error("{}: {source}; name a folder that can be written in the environment variable {FOLDER_VARIABLE}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] DataError),
    /// The system names no folder for a user's caches.
    #[error("no cache folder is known; name one in the environment variable {FOLDER_VARIABLE}")]
    NoFolder,
}

/// What was found out about a shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The work.
    pub shape: OperationShape,
    /// Kernel and variant of the winner; nothing where every variant is barred.
    pub winner: Option<VariantId>,
    /// Hash of the source that the winner was expanded to.
    pub winner_content: String,
    /// Hash of the sources of all variants.
    pub content: String,
    /// All variants in order.
    pub candidates: Vec<Candidate>,
}

/// The winners on one adapter with one driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// The adapter's name, graphics interface and driver.
    pub adapter: [String; 3],
    /// By shape, in order.
    pub entries: Vec<Entry>,
}

/// The folder that winners and compiled pipelines are kept in: LINEAMENT_CACHE, or `lineament` in the user's cache folder.
///
/// # Errors
/// The system names none.
pub fn cache_folder() -> Result<PathBuf, StoreError> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_user = if cfg!(windows) {
        named("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        named("HOME").map(|home| home.join("Library/Caches"))
    } else {
        named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")))
    };
    named(FOLDER_VARIABLE).or_else(|| of_user.map(|folder| folder.join("lineament"))).ok_or(StoreError::NoFolder)
}

/// Hash of the sources that variants are expanded to.
pub fn content(choices: &[Choice], lanes: Option<u32>) -> String {
    let mut hasher = Sha256::new();
    for (kernel, variant) in choices {
        hasher.update(format!("{} {}\0", kernel.name, variant.name));
        // A shader that does not expand is found out when it is compiled.
        hasher.update(expand(kernel.source, &variant.expansion(lanes), kernel.params).unwrap_or_default());
        hasher.update([0]);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Store {
    /// No winners yet.
    pub fn new(report: &AdapterReport) -> Store {
        Store { adapter: [&report.name, &report.backend, &report.driver].map(String::clone), entries: Vec::new() }
    }

    /// The file in `folder` for an adapter and its driver.
    pub fn path(folder: &Path, report: &AdapterReport) -> PathBuf {
        folder.join(format!("tuning-{}.json", report.hash()))
    }

    /// Reads the winners of an adapter; none where there is no file.
    ///
    /// # Errors
    /// The file cannot be read or is no such file.
    pub fn read(folder: &Path, report: &AdapterReport) -> Result<Store, StoreError> {
        let path = Store::path(folder, report);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Store::new(report)),
            Err(error) => return Err(StoreError::Read { path, problem: error.to_string() }),
        };
        let store: Store = serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::Read { path: path.clone(), problem: error.to_string() })?;
        let expected = Store::new(report).adapter;
        if store.adapter != expected {
            return Err(StoreError::Read {
                path,
                problem: format!("is of {}, expected {}", store.adapter.join(", "), expected.join(", ")),
            });
        }
        Ok(store)
    }

    /// Writes the winners, atomically.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn write(&self, folder: &Path, report: &AdapterReport) -> Result<PathBuf, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_path_buf(), source })?;
        let path = Store::path(folder, report);
        write_atomically(&path, |writer| {
            serde_json::to_writer_pretty(&mut *writer, self).map_err(std::io::Error::other)?;
            writer.write_all(b"\n")
        })?;
        Ok(path)
    }

    /// The entry of a shape.
    pub fn entry(&self, shape: OperationShape) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.shape == shape)
    }

    /// Puts an entry in its place.
    pub fn insert(&mut self, entry: Entry) {
        self.entries.retain(|known| known.shape != entry.shape);
        self.entries.push(entry);
        self.entries.sort_by_key(|entry| entry.shape);
    }

    /// The winners whose source is still what it was when they were measured, and how many are not.
    pub fn tuning(&self, profile: &DeviceProfile) -> (Winners, usize) {
        let mut contents: HashMap<(&str, &str), String> = HashMap::new();
        let (mut winners, mut stale) = (HashMap::new(), 0);
        for Entry { shape, winner, winner_content, .. } in &self.entries {
            let Some(winner) = winner else { continue };
            let known = candidates::candidates(*shape, profile).into_iter().find(|choice| identity(*choice) == *winner);
            let is_same = |choice: &Choice| {
                let name = (choice.0.name, choice.1.name);
                contents.entry(name).or_insert_with(|| content(&[*choice], profile.capabilities.subgroup_size)) == winner_content
            };
            match known.filter(is_same) {
                Some(choice) => {
                    winners.insert(*shape, identity(choice));
                }
                None => stale += 1,
            }
        }
        (Winners::new(winners), stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tune::measure::Verdict;
    use crate::profiles::Device;

    #[test]
    fn winners_are_kept_by_adapter_driver_and_content() {
        let device = Device::open(&Default::default()).expect("an adapter; run tools/setup");
        let (folder, report, profile) = (tempfile::tempdir().expect("a folder"), device.report(), device.profile());
        let shape = OperationShape::Depthwise { batch: 8, size: [56, 56], channels: 144, stride: 2 };
        let choices = candidates::candidates(shape, profile);
        let shipped = candidates::shipped(shape, profile);
        let last = *choices.iter().rfind(|choice| choice.1.name != shipped.1.name).expect("another than the shipped");
        let entry = Entry {
            shape,
            winner: Some(identity(last)),
            winner_content: content(&[last], profile.capabilities.subgroup_size),
            content: content(&choices, profile.capabilities.subgroup_size),
            candidates: vec![Candidate { id: identity(last), verdict: Verdict::Timed(0.5) }],
        };
        let mut store = Store::read(folder.path(), report).expect("nothing there");
        assert!(store.entries.is_empty());
        store.insert(entry.clone());
        store.insert(entry.clone());
        store.write(folder.path(), report).expect("a written file");
        let again = Store::read(folder.path(), report).expect("the file");
        assert_eq!(again, store);
        let (tuning, stale) = again.tuning(profile);
        assert_eq!((tuning.len(), stale, tuning.get(shape).cloned()), (1, 0, Some(identity(last))));
        // Whoever plans gets it, and another shape gets what is shipped.
        let tuned = profile.with_winners(std::sync::Arc::new(tuning));
        let layer = candidates::depthwise_of(shape);
        assert_eq!(layer.choice(&tuned).1.name, last.1.name);
        let other = crate::ops::Depthwise { batch: 9, ..layer };
        assert_eq!(other.choice(&tuned).1.name, other.choice(profile).1.name);

        // An edited shader, or a variant that is gone, is chosen as shipped.
        for wrong in [
            Entry { winner_content: "0".repeat(64), ..entry.clone() },
            Entry { winner: Some(VariantId::new("depthwise", "stride 2, 9x9")), ..entry.clone() },
        ] {
            let mut store = Store::new(report);
            store.insert(wrong);
            assert_eq!((store.tuning(profile).0.len(), store.tuning(profile).1), (0, 1));
        }

        // Another driver's winners are another file, and a file that is none is an error that says what to do.
        let other = AdapterReport { driver: "another driver".into(), ..report.clone() };
        assert!(Store::read(folder.path(), &other).expect("nothing there").entries.is_empty());
        std::fs::write(Store::path(folder.path(), report), "{").expect("a written file");
        let message = Store::read(folder.path(), report).expect_err("no such file").to_string();
        assert!(message.contains("tuning-") && message.contains("--again"), "{message}");
    }
}

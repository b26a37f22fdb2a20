//! The file that keeps winners between runs.
//!
//! There is one file for each adapter and driver, `tuning-HASH.json` in the [cache folder](cache_folder). Like the tables of the
//! device classes, it says for each shape which variant to use, and what measured it. An example:
//!
//! ```json
//! {
//!   "adapter": "NVIDIA GeForce RTX 3090", "backend": "vulkan", "driver": "NVIDIA 570.86",
//!   "entries": [
//!     {
//!       "shape": { "operation": "depthwise", "batch": 8, "size": [56, 56], "channels": 144, "stride": 2 },
//!       "winner": { "kernel": "depthwise", "variant": "stride 2, 4 across" },
//!       "seconds": 0.000021,
//!       "date": "2026-11-30",
//!       "winner_content": "d2a0…", "content": "77b1…",
//!       "candidates": [ { "id": { "kernel": "depthwise", "variant": "stride 2, 4 across" }, "verdict": { "timed": 0.000021 } } ]
//!     }
//!   ]
//! }
//! ```
//!
//! `winner_content` is a hash of the winner's expanded shader, and `content` a hash of those of all candidates. An entry whose
//! winner's shader has changed is ignored until the shape is tuned again.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::measure::{Candidate, Comparison};
use crate::data::json::read_if_present;
use crate::data::{DataError, write_atomically};
use crate::device::AdapterReport;
use crate::ops::{Choice, candidates, identity};
use crate::plan::{VariantId, hexadecimal};
use crate::profiles::{DeviceProfile, OperationShape, Winners};
use crate::wgsl::{expand, kernel_source};

/// The environment variable that names a cache folder other than the user's.
const FOLDER_VARIABLE: &str = "LINEAMENT_CACHE";

/// How to repair a damaged file of winners.
const REMEDY: &str = "replace it with `lineament tune --again`";

/// Why winners cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be created.
    #[error("{}: {source}; name a folder that can be written in the environment variable {FOLDER_VARIABLE}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file cannot be read or written, or belongs to another adapter.
    #[error(transparent)]
    File(#[from] DataError),
    /// The system has no cache folder for the user.
    #[error("no cache folder was found; name one in the environment variable {FOLDER_VARIABLE}")]
    NoFolder,
}

/// The measurements for a shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The operation and its sizes.
    pub shape: OperationShape,
    /// The fastest variant, or `None` if every candidate was rejected.
    pub winner: Option<VariantId>,
    /// The winner's seconds.
    pub seconds: Option<f64>,
    /// Date of the measurement, as year-month-day in UTC.
    pub date: String,
    /// A hash of the expanded shader of the winner.
    pub winner_content: String,
    /// A hash of the expanded shaders of all candidates.
    pub content: String,
    /// All candidates, in the order in which they were tried.
    pub candidates: Vec<Candidate>,
}

impl Entry {
    /// Returns an entry for a comparison that was made today.
    pub fn new(shape: OperationShape, comparison: Comparison, profile: &DeviceProfile) -> Entry {
        let Comparison { winner, candidates: compared } = comparison;
        let lanes = profile.capabilities.subgroup_size;
        let mut entry = Entry {
            shape,
            winner: winner.map(identity),
            seconds: None,
            date: today(),
            winner_content: winner.map_or(String::new(), |winner| content(&[winner], lanes)),
            content: content(&candidates::measured(shape, profile), lanes),
            candidates: compared,
        };
        entry.seconds = entry.winner.as_ref().and_then(|winner| entry.seconds_of(winner));
        entry
    }

    /// Returns the measured seconds of a variant, or `None` if it was rejected or is not a candidate.
    pub fn seconds_of(&self, variant: &VariantId) -> Option<f64> {
        self.candidates.iter().find(|candidate| candidate.id == *variant).and_then(Candidate::seconds)
    }
}

/// The winners on one adapter with one driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// The adapter's name.
    pub adapter: String,
    /// The adapter's graphics API.
    pub backend: String,
    /// Its driver and the driver's version.
    pub driver: String,
    /// One entry for each shape, ordered by shape.
    pub entries: Vec<Entry>,
}

/// Returns the cache folder for winners and compiled pipelines: the one that LINEAMENT_CACHE names, or `lineament` in the
/// user's cache folder.
///
/// # Errors
/// The system names no cache folder.
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

/// Returns today's date in UTC, as year-month-day.
fn today() -> String {
    date(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
}

/// Returns the date of a time in seconds since 1970, by Howard Hinnant's algorithm `civil_from_days`.
fn date(seconds: u64) -> String {
    // Days are counted from 1 March of the year 0, in eras of 400 years, so that a leap day is the last day of its year.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Returns a hash of the expanded shaders of some variants.
pub fn content(choices: &[Choice], lanes: Option<u32>) -> String {
    let mut hasher = Sha256::new();
    for (kernel, variant) in choices {
        hasher.update(format!("{} {}\0", kernel.name, variant.name));
        // A shader that cannot be expanded contributes nothing here; compiling it fails.
        hasher.update(expand(kernel_source(kernel), &variant.expansion(lanes), kernel.params).unwrap_or_default());
        hasher.update([0]);
    }
    hexadecimal(hasher.finalize())
}

impl Store {
    /// Returns a store without winners.
    pub fn new(report: &AdapterReport) -> Store {
        let AdapterReport { name, backend, driver, .. } = report.clone();
        Store { adapter: name, backend, driver, entries: Vec::new() }
    }

    /// Returns the path in `folder` of the file for an adapter and its driver.
    pub fn path(folder: &Path, report: &AdapterReport) -> PathBuf {
        folder.join(format!("tuning-{}.json", report.hash()))
    }

    /// Reads the winners on an adapter. Returns an empty store if there is no file.
    ///
    /// # Errors
    /// The file cannot be read, has another format, or belongs to another adapter.
    pub fn read(folder: &Path, report: &AdapterReport) -> Result<Store, StoreError> {
        let path = Store::path(folder, report);
        let Some(store) = read_if_present::<Store>(&path, "a result of `lineament tune`", REMEDY)? else {
            return Ok(Store::new(report));
        };
        let of = |store: &Store| [&store.adapter, &store.backend, &store.driver].map(String::clone).join(", ");
        let (found, expected) = (of(&store), of(&Store::new(report)));
        if found != expected {
            return Err(DataError::file(&path, format!("it belongs to {found}, expected {expected}"), REMEDY).into());
        }
        Ok(store)
    }

    /// Writes the winners atomically.
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

    /// Returns the entry for a shape.
    pub fn entry(&self, shape: OperationShape) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.shape == shape)
    }

    /// Inserts an entry and replaces an earlier one for the same shape.
    pub fn insert(&mut self, entry: Entry) {
        self.entries.retain(|known| known.shape != entry.shape);
        self.entries.push(entry);
        self.entries.sort_by_key(|entry| entry.shape);
    }

    /// Returns the winners whose shaders have not changed since they were measured, and the number of the others.
    pub fn winners(&self, profile: &DeviceProfile) -> (Winners, usize) {
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

    #[test]
    fn dates_follow_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn winners_are_kept_by_adapter_driver_and_content() {
        let Some(device) = crate::testing::device() else { return };
        let (folder, report, profile) = (tempfile::tempdir().expect("a folder"), device.report(), device.profile());
        let shape = OperationShape::Depthwise { batch: 8, size: [56, 56], channels: 144, stride: 2 };
        let choices = candidates::candidates(shape, profile);
        let shipped = candidates::shipped(shape, profile);
        let last = *choices.iter().rfind(|choice| choice.1.name != shipped.1.name).expect("another than the shipped");
        let entry = Entry {
            shape,
            winner: Some(identity(last)),
            seconds: Some(0.5),
            date: "2026-11-30".to_string(),
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
        let (tuning, stale) = again.winners(profile);
        assert_eq!((tuning.len(), stale, tuning.get(shape).cloned()), (1, 0, Some(identity(last))));
        // A plan for this shape uses the winner, and other shapes use the shipped variant.
        let tuned = profile.with_winners(std::sync::Arc::new(tuning));
        let layer = candidates::depthwise_of(shape);
        assert_eq!(layer.choice(&tuned).1.name, last.1.name);
        let other = crate::ops::Depthwise { batch: 9, ..layer };
        assert_eq!(other.choice(&tuned).1.name, other.choice(profile).1.name);

        // If a shader was edited or a variant no longer exists, the shipped variant is used.
        for wrong in [
            Entry { winner_content: "0".repeat(64), ..entry.clone() },
            Entry { winner: Some(VariantId::new("depthwise", "stride 2, 9x9")), ..entry.clone() },
        ] {
            let mut store = Store::new(report);
            store.insert(wrong);
            assert_eq!((store.winners(profile).0.len(), store.winners(profile).1), (0, 1));
        }

        // Winners of another driver are in another file. A damaged file is an error that says what to do.
        let other = AdapterReport { driver: "another driver".into(), ..report.clone() };
        assert!(Store::read(folder.path(), &other).expect("nothing there").entries.is_empty());
        std::fs::write(Store::path(folder.path(), report), "{").expect("a written file");
        let message = Store::read(folder.path(), report).expect_err("no such file").to_string();
        assert!(message.contains("tuning-") && message.contains("--again"), "{message}");
    }
}

//! An earlier run of `kernels perf --json`, to see what moved since.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use lineament::app::measure::Spread;

/// Changes below this say nothing, however steady the runs were: clocks, neighbours and the weather of a shared machine.
const NOISE: f64 = 0.05;

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It cannot be read.
    #[error("{}: {source}; name a file that `kernels perf --json` wrote", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is no such file.
    #[error("{}: {source}; make it with `kernels perf --json > FILE`", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It tells of another adapter.
    #[error("{}: was measured on {found}, and this is {expected}; choose that adapter with --adapter or measure a new baseline", path.display())]
    Adapter {
        /// The file.
        path: PathBuf,
        /// Its adapter.
        found: String,
        /// The adapter of this run.
        expected: String,
    },
}

#[derive(Deserialize)]
struct File {
    adapter: Adapter,
    cases: Vec<Entry>,
}

#[derive(Deserialize)]
struct Adapter {
    name: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Seconds {
    seconds: f64,
    quartiles: [f64; 2],
}

#[derive(Deserialize)]
struct Entry {
    kernel: String,
    variant: String,
    case: String,
    #[serde(flatten)]
    time: Seconds,
}

/// How a case compares with its baseline.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Change {
    /// Its seconds by those of the baseline.
    pub ratio: f64,
    /// What of it is more than noise.
    pub verdict: Moved,
}

/// Whether a time changed by more than 5 %, and by more than both runs spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Moved {
    /// It takes less.
    Faster,
    /// It takes more.
    Slower,
    /// Within the noise.
    Same,
}

impl std::fmt::Display for Change {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let word = match self.verdict {
            Moved::Faster => " FASTER",
            Moved::Slower => " SLOWER",
            Moved::Same => "",
        };
        write!(formatter, "{:.2}x{word}", self.ratio)
    }
}

/// The cases of an earlier run.
pub struct Baseline(HashMap<[String; 3], Seconds>);

impl Baseline {
    /// Reads what `kernels perf --json` wrote on an adapter of that name.
    ///
    /// # Errors
    /// No such file, no such format, or another adapter's.
    pub fn read(path: &Path, adapter: &str) -> Result<Baseline, BaselineError> {
        let bytes = std::fs::read(path).map_err(|source| BaselineError::Read { path: path.to_path_buf(), source })?;
        let file: File =
            serde_json::from_slice(&bytes).map_err(|source| BaselineError::Format { path: path.to_path_buf(), source })?;
        if file.adapter.name != adapter {
            let (path, expected) = (path.to_path_buf(), adapter.to_string());
            return Err(BaselineError::Adapter { path, found: file.adapter.name, expected });
        }
        Ok(Baseline(file.cases.into_iter().map(|entry| ([entry.kernel, entry.variant, entry.case], entry.time)).collect()))
    }

    /// How a case compares; `None` where the baseline lacks it.
    pub fn change(&self, name: [&str; 3], found: &Spread) -> Option<Change> {
        let before = self.0.get(&name.map(String::from))?;
        let ratio = found.median() / before.seconds;
        let [first, third] = found.quartiles();
        let verdict = if ratio < 1.0 - NOISE && third < before.quartiles[0] {
            Moved::Faster
        } else if ratio > 1.0 + NOISE && first > before.quartiles[1] {
            Moved::Slower
        } else {
            Moved::Same
        };
        Some(Change { ratio, verdict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(text: &str) -> Result<Baseline, BaselineError> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("a written file");
        Baseline::read(file.path(), "A GPU")
    }

    #[test]
    fn what_moved_beyond_the_noise_is_flagged() {
        let case = r#"{"kernel":"depthwise","variant":"4x7","case":"8x8","seconds":1.0,"quartiles":[0.9,1.2],"flops":1}"#;
        let before = baseline(&format!(r#"{{"adapter":{{"name":"A GPU"}},"cases":[{case}]}}"#)).expect("a baseline");
        let name = ["depthwise", "4x7", "8x8"];
        let moved = |seconds: &[f64]| before.change(name, &Spread::of(seconds.iter().copied())).expect("a case");
        assert_eq!(moved(&[0.5, 0.5, 0.5]), Change { ratio: 0.5, verdict: Moved::Faster });
        assert_eq!(moved(&[1.5, 1.5, 1.5]).verdict, Moved::Slower);
        // Steady, but no more than the machine's own changes; and a large change of runs that spread as far.
        assert_eq!(moved(&[0.96, 0.96, 0.96]).verdict, Moved::Same);
        assert_eq!(moved(&[1.1, 1.5, 1.9]).verdict, Moved::Same);
        assert_eq!((moved(&[0.5; 3]).to_string(), moved(&[1.0; 3]).to_string()), ("0.50x FASTER".into(), "1.00x".into()));
        assert!(before.change(["depthwise", "4x7", "9x9"], &Spread::of([1.0])).is_none());
    }

    #[test]
    fn what_is_no_baseline_is_refused() {
        for (text, part) in [("{", "kernels perf --json"), (r#"{"adapter":{"name":"Another"},"cases":[]}"#, "Another")] {
            let error = baseline(text).err().expect("refused").to_string();
            assert!(error.contains(part), "{error}");
        }
        let missing = Baseline::read(Path::new("no/such.json"), "A GPU").err().expect("refused").to_string();
        assert!(missing.contains("no/such.json"), "{missing}");
    }
}

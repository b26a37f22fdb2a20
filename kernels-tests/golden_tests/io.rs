//! The `io` group: valid and malformed files, and what must happen to each.
//!
//! Every case goes through the functions that the `lineament` program uses. The folder of a case (`celeba/`, `safetensors/`,
//! `images/`) determines how it is read, and `cases.json` says what must happen.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use lineament::data::{ImageSource, StoredOrientation, celeba};
use lineament::nn::weights::{ExpectedTensor, WeightsFile};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::harness::outcome::{CheckResult, Verdict};

/// How far a pixel of a decoded JPEG may be from the fixture, in grey levels. Decoders of JPEG may round differently, and the
/// fixture may come from another version of Pillow.
const JPEG_TOLERANCE: f64 = 2.0;

type Outcome<T> = Result<T, String>;

/// The contents of the folder: the cases and the expected values.
struct Group<'a> {
    folder: &'a Path,
    cases: BTreeMap<String, Value>,
    celeba: Value,
    pixels: Vec<u8>,
}

/// One case: a file and what must happen to it.
struct Case<'a> {
    name: &'a str,
    path: std::path::PathBuf,
    says: &'a Value,
}

/// Runs every case in the `cases.json` of `folder`. A folder without a readable `cases.json` is a single failure.
pub fn run(folder: &Path) -> Vec<CheckResult> {
    let group = match Group::open(folder) {
        Ok(group) => group,
        Err(problem) => return vec![CheckResult::behaviour("io/cases.json", "readable", Verdict::Failed(problem))],
    };
    let run_one = |(name, says): (&String, &Value)| {
        let case = Case { name, path: folder.join(name), says };
        catch_unwind(AssertUnwindSafe(|| group.run(&case)))
            .unwrap_or_else(|_| vec![case.behaviour("no panic", Verdict::Failed("it panicked".to_owned()))])
    };
    group.cases.iter().flat_map(run_one).collect()
}

impl<'a> Group<'a> {
    fn open(folder: &'a Path) -> Outcome<Self> {
        let bytes = |name: &str| std::fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"));
        let json = |name: &str| serde_json::from_slice(&bytes(name)?).map_err(|error| format!("{name}: {error}"));
        let Value::Object(cases) = json("cases.json")? else { return Err("cases.json is not an object".to_owned()) };
        let pixels = bytes("image_pixels.safetensors")?;
        Ok(Self { folder, cases: cases.into_iter().collect(), celeba: json("celeba_values.json")?, pixels })
    }

    fn run(&self, case: &Case) -> Vec<CheckResult> {
        let (kind, file) = case.name.split_once('/').unwrap_or(("", case.name));
        let results = match kind {
            "celeba" if file.contains("partition") => self.partition(case),
            "celeba" => self.attributes(case),
            "safetensors" => self.safetensors(case),
            "images" => self.image(case),
            _ => return vec![case.behaviour("", Verdict::Skipped(format!("no reader for '{kind}'")))],
        };
        results.unwrap_or_else(|problem| vec![case.behaviour("well-formed case", Verdict::Failed(problem))])
    }

    fn attributes(&self, case: &Case) -> Outcome<Vec<CheckResult>> {
        let read = celeba::read_attributes(&case.path);
        case.judge(read, |list| {
            let images = names(&self.celeba["ids"])?;
            let expected = numbers(&self.celeba["labels_0_1"])?;
            let actual: Vec<f64> = list.labels.iter().map(|&label| f64::from(label)).collect();
            Ok(vec![case.same("images", list.images == images), case.within("labels", &actual, &expected, 0.0)])
        })
    }

    /// Reads a partition and joins it with the labels in the folder's `list_attr_celeba.txt`.
    fn partition(&self, case: &Case) -> Outcome<Vec<CheckResult>> {
        let labels = self.folder.join("celeba/list_attr_celeba.txt");
        let labels = celeba::read_attributes(&labels).map_err(|error| error.to_string())?;
        let joined = celeba::read_partition(&case.path).and_then(|list| celeba::join_partition(&labels, &list));
        case.judge(joined, |partition| {
            let actual: Vec<f64> = partition.into_iter().map(|one| f64::from(one as u8)).collect();
            Ok(vec![case.within("partition", &actual, &numbers(&self.celeba["partition"])?, 0.0)])
        })
    }

    fn safetensors(&self, case: &Case) -> Outcome<Vec<CheckResult>> {
        let opened = WeightsFile::open(&case.path);
        if case.expects() == "error as model weights" {
            let file = opened.map_err(|error| format!("a valid file was rejected: {error}"))?;
            let checked = file.check(&self.model());
            let names_tensor = |message: &str| message.contains("tensor '");
            return Ok(vec![case.rejected(checked, names_tensor, "an error that names file and tensor")]);
        }
        case.judge(opened, |file| {
            let tensors = file.names().into_iter().map(|name| {
                let shape = file.shape(&name).unwrap_or_default().to_vec();
                let values = file.f32(&name, &shape).map_err(|error| error.to_string())?;
                let actual: Vec<f64> = values.into_iter().map(f64::from).collect();
                match case.says.get(&name) {
                    Some(expected) if shape_of(expected) != shape => Ok(case.same(&name, false)),
                    Some(expected) => Ok(case.within(&name, &actual, &as_f32(numbers(expected)?), 0.0)),
                    None => Ok(case.same(&name, actual.len() == shape.iter().product::<usize>())),
                }
            });
            tensors.collect()
        })
    }

    /// Returns the tensors of a model that the malformed weights do not fit: those of the valid case with the most tensors.
    fn model(&self) -> Vec<ExpectedTensor> {
        let stated = |says: &Value| -> Vec<ExpectedTensor> {
            let arrays = says.as_object().into_iter().flatten().filter(|(_, value)| value.is_array());
            arrays.map(|(name, value)| ExpectedTensor { name: name.clone(), shape: shape_of(value) }).collect()
        };
        let good = self.cases.values().filter(|says| says["expect"] == "ok").map(stated);
        good.max_by_key(Vec::len).unwrap_or_default()
    }

    fn image(&self, case: &Case) -> Outcome<Vec<CheckResult>> {
        // The expected pixels are those of Keras, which ignores stored orientations.
        case.judge(ImageSource::from(case.path.clone()).decode(StoredOrientation::Ignored), |picture| {
            let file = case.name.rsplit('/').next().unwrap_or(case.name);
            let stored = SafeTensors::deserialize(&self.pixels).map_err(|error| error.to_string())?;
            let expected = stored.tensor(&file.replace('.', "_")).map_err(|error| error.to_string())?;
            let shape = [picture.height as usize, picture.width as usize, 3];
            let content = std::fs::read(&case.path).map_err(|error| error.to_string())?;
            let tolerance = if content.starts_with(&[0xff, 0xd8]) { JPEG_TOLERANCE } else { 0.0 };
            let levels = |bytes: &[u8]| bytes.iter().map(|&byte| f64::from(byte)).collect::<Vec<_>>();
            Ok(vec![
                case.same("shape", expected.shape() == shape),
                case.within("pixels", &levels(&picture.pixels), &levels(expected.data()), tolerance),
            ])
        })
    }
}

impl Case<'_> {
    fn expects(&self) -> &str {
        self.says["expect"].as_str().unwrap_or_default()
    }

    fn fixture(&self) -> String {
        format!("io/{}", self.name)
    }

    fn behaviour(&self, bound: &str, verdict: Verdict) -> CheckResult {
        CheckResult::behaviour(&self.fixture(), bound, verdict)
    }

    fn within(&self, tensor: &str, actual: &[f64], expected: &[f64], largest: f64) -> CheckResult {
        CheckResult::within(&self.fixture(), tensor, actual, expected, largest)
    }

    fn same(&self, tensor: &str, holds: bool) -> CheckResult {
        let verdict = if holds { Verdict::Passed } else { Verdict::Failed("it differs".to_owned()) };
        CheckResult { part: tensor.to_owned(), ..self.behaviour("equal", verdict) }
    }

    /// Compares the values that were read if the case says `ok`, and checks the error if it says `error`.
    fn judge<T, E: std::error::Error>(
        &self,
        outcome: Result<T, E>,
        compare: impl FnOnce(T) -> Outcome<Vec<CheckResult>>,
    ) -> Outcome<Vec<CheckResult>> {
        match (self.expects(), outcome) {
            ("ok" | "ok-high-byte", Ok(value)) => compare(value),
            ("ok" | "ok-high-byte", Err(error)) => Ok(vec![self.behaviour("read", Verdict::Failed(error.to_string()))]),
            ("error", outcome) => {
                let blamed = lines_named(self.says["why"].as_str().unwrap_or_default()).next();
                let names_line = |message: &str| blamed.is_none_or(|line| lines_named(message).any(|named| named == line));
                let place = blamed.map_or(String::new(), |line| format!(" and line {line}"));
                let bound = format!("an error that names the file{place}");
                Ok(vec![self.rejected(outcome, names_line, &bound)])
            }
            (other, _) => Err(format!("unknown expectation '{other}'")),
        }
    }

    /// Checks that an outcome is an error that names the file and what is wrong in it.
    fn rejected<T, E: std::error::Error>(
        &self,
        outcome: Result<T, E>,
        names_fault: impl FnOnce(&str) -> bool,
        bound: &str,
    ) -> CheckResult {
        let verdict = match outcome.map_err(|error| error.to_string()) {
            Ok(_) => Verdict::Failed("it was accepted".to_owned()),
            Err(message) if message.contains(&*self.path.to_string_lossy()) && names_fault(&message) => Verdict::Passed,
            Err(message) => Verdict::Failed(format!("the message does not say where: {message}")),
        };
        self.behaviour(bound, verdict)
    }
}

/// Returns the number N of every `line N` in a text.
fn lines_named(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices("line ").filter_map(|(at, word)| {
        let rest = &text[at + word.len()..];
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    })
}

fn names(value: &Value) -> Outcome<Vec<String>> {
    let list = value.as_array().ok_or("a list of names is missing")?;
    list.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(|| format!("{name} is not a name"))).collect()
}

/// Returns the numbers of a nested array, in order. Anything else in it is an error.
fn numbers(value: &Value) -> Outcome<Vec<f64>> {
    match value {
        Value::Array(items) => items.iter().map(numbers).collect::<Outcome<Vec<_>>>().map(|parts| parts.concat()),
        other => other.as_f64().map(|number| vec![number]).ok_or_else(|| format!("{other} is not a number")),
    }
}

/// Rounds numbers to f32. They were written as f32, and parsing their decimals as f64 adds an error that this removes.
fn as_f32(numbers: Vec<f64>) -> Vec<f64> {
    numbers.into_iter().map(|number| f64::from(number as f32)).collect()
}

fn shape_of(value: &Value) -> Vec<usize> {
    let mut shape = Vec::new();
    let mut inner = value;
    while let Value::Array(items) = inner {
        shape.push(items.len());
        inner = items.first().unwrap_or(&Value::Null);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn golden() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/io")
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() { copy(&path, &target) } else { std::fs::write(target, std::fs::read(&path).unwrap()).unwrap() }
        }
    }

    fn failed(results: &[CheckResult]) -> Vec<&str> {
        results.iter().filter(|result| result.verdict != Verdict::Passed).map(|result| result.subject.as_str()).collect()
    }

    #[test]
    fn every_case_behaves() {
        let results = run(&golden());
        let bad: Vec<_> = results.iter().filter(|result| result.verdict != Verdict::Passed).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        let cases: Value = serde_json::from_slice(&std::fs::read(golden().join("cases.json")).unwrap()).unwrap();
        for name in cases.as_object().unwrap().keys() {
            assert!(results.iter().any(|result| result.subject == format!("io/{name}")), "{name} was not run");
        }
    }

    #[test]
    fn swapped_files_and_values_are_caught() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        copy(&golden(), root);
        let swaps = [
            ("celeba/attr_crlf.csv", "celeba/attr_value_2.csv"),
            ("celeba/attr_value_0.csv", "celeba/list_attr_celeba.csv"),
            ("safetensors/nan_weights.safetensors", "safetensors/good.safetensors"),
            ("safetensors/f16.safetensors", "safetensors/good.safetensors"),
            ("images/rgb.png", "images/palette.png"),
            ("images/truncated.jpg", "images/face_420.jpg"),
        ];
        for (target, source) in swaps {
            std::fs::copy(root.join(source), root.join(target)).unwrap();
        }
        let results = run(root);
        let mut caught = failed(&results);
        caught.dedup();
        let mut expected: Vec<String> = swaps.iter().map(|(target, _)| format!("io/{target}")).collect();
        expected.sort();
        assert_eq!(caught, expected);
    }

    #[test]
    fn a_folder_without_cases_is_a_failure() {
        assert_eq!(failed(&run(tempfile::tempdir().unwrap().path())).len(), 1);
    }
}

//! Weights of attributes, either computed from how often each attribute occurs in CelebA, as the paper's script does, or read
//! from a file.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::ClusterError;
use crate::data::attributes::{self, paper_attributes};
use crate::data::text::{CsvRows, read_text};
use crate::data::{AttributeTable, DataError};

/// The share of CelebA's images that have each of [`paper_attributes`], in that order, copied from the paper's script
/// (`ul19_clustering.py`).
const FREQUENCIES: [f64; 37] = [
    0.11113579040370387,
    0.26698058726844653,
    0.20457159215988233,
    0.022443348683853327,
    0.15157527924619568,
    0.24079585782753124,
    0.23453225336748948,
    0.23925093411122464,
    0.14799184596172735,
    0.2051935103332198,
    0.14216753290983666,
    0.05756691790186526,
    0.046688285726977925,
    0.06511878143524893,
    0.06276437692189991,
    0.041949861549168556,
    0.38692194926924617,
    0.45503186096673726,
    0.41675427815537097,
    0.48342785502396357,
    0.04154512115064734,
    0.11514864337928618,
    0.8349399552811219,
    0.28414256733744986,
    0.27744460732777554,
    0.07977828123534667,
    0.06572095617451221,
    0.05651064417889526,
    0.48208036564839907,
    0.20840181837027824,
    0.3195672239250934,
    0.1889249206560743,
    0.04846025893513788,
    0.47243569810314956,
    0.12296704327267163,
    0.07271506769529958,
    0.773616849046639,
];

/// The source of the attributes' weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightRule {
    /// Rare attributes weigh most: w = 1 − f + min f, where f is the share of CelebA's images that have the attribute. The
    /// minimum is taken over the paper's 37 attributes.
    Rare,
    /// Common attributes weigh most: w = f + (1 − max f), with f as for [`WeightRule::Rare`].
    Common,
    /// A CSV file with the header `attribute,weight` and a line for each attribute.
    File(PathBuf),
}

impl FromStr for WeightRule {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<WeightRule, Infallible> {
        Ok(match text {
            "rare" => WeightRule::Rare,
            "common" => WeightRule::Common,
            file => WeightRule::File(file.into()),
        })
    }
}

impl std::fmt::Display for WeightRule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WeightRule::Rare => formatter.write_str("rare"),
            WeightRule::Common => formatter.write_str("common"),
            WeightRule::File(path) => path.display().fmt(formatter),
        }
    }
}

impl WeightRule {
    /// Returns the weights of the attributes `columns` of `table`, shape `[columns]`.
    ///
    /// # Errors
    /// [`WeightRule::Rare`] and [`WeightRule::Common`] fail for an attribute that is not among the paper's 37. A file fails if it
    /// cannot be read, names an attribute that is not in the table, names one twice, lacks one of `columns`, gives a weight that
    /// is not a finite number of at least 0, or gives 0 to all of `columns`.
    pub fn weights(&self, columns: &[String], table: &AttributeTable) -> Result<Vec<f32>, ClusterError> {
        let lowest = FREQUENCIES.into_iter().fold(f64::INFINITY, f64::min);
        let highest = FREQUENCIES.into_iter().fold(0.0, f64::max);
        match self {
            WeightRule::Rare => by_frequency(columns, "rare", |frequency| 1.0 - frequency + lowest),
            WeightRule::Common => by_frequency(columns, "common", |frequency| frequency + (1.0 - highest)),
            WeightRule::File(path) => from_file(path, columns, &table.attributes),
        }
    }
}

/// Returns `weight(f)` for each attribute of `columns`, where f is its frequency. `rule` is the name that an error gives.
fn by_frequency(columns: &[String], rule: &'static str, weight: impl Fn(f64) -> f64) -> Result<Vec<f32>, ClusterError> {
    let known = paper_attributes();
    let of_column = |name: &String| {
        let at = known.iter().position(|known| known == name);
        let at = at.ok_or_else(|| ClusterError::NoFrequency { name: name.clone(), rule })?;
        Ok(weight(FREQUENCIES[at]) as f32)
    };
    columns.iter().map(of_column).collect()
}

/// Reads the weights of `columns` from a CSV file. `known` lists all attributes that the file may name.
fn from_file(path: &Path, columns: &[String], known: &[String]) -> Result<Vec<f32>, ClusterError> {
    let text = read_text(path)?;
    let mut rows = CsvRows::new(path, &text)?;
    if rows.header() != ["attribute", "weight"] {
        let problem = format!("the header is '{}'", rows.header().join(","));
        return Err(DataError::line(path, 1, problem, "it must be 'attribute,weight'").into());
    }
    let mut given: Vec<Option<f32>> = vec![None; known.len()];
    while let Some((line, row)) = rows.next_row()? {
        let wrong = |problem: String, remedy: &str| DataError::line(path, line, problem, remedy);
        let (name, text) = (row[0].trim(), row[1].trim());
        let at = attributes::resolve(&[name], known)
            .map_err(|unknown| wrong(unknown.to_string(), "name an attribute of the table"))?[0];
        let weight = text.parse().ok().filter(|weight: &f32| weight.is_finite() && *weight >= 0.0);
        let weight =
            weight.ok_or_else(|| wrong(format!("the weight of {name} is '{text}'"), "it must be a number of at least 0"))?;
        if given[at].replace(weight).is_some() {
            return Err(wrong(format!("{name} appears twice"), "keep one of the two").into());
        }
    }
    let of_column = |name: &String| {
        let at = known.iter().position(|known| known == name);
        at.and_then(|at| given[at]).ok_or_else(|| {
            DataError::file(path, format!("{name} has no weight"), "give a weight to every attribute that is selected")
        })
    };
    let weights: Vec<f32> = columns.iter().map(of_column).collect::<Result<_, _>>()?;
    if weights.iter().all(|weight| *weight == 0.0) {
        return Err(DataError::file(path, "every weight is 0", "give a weight above 0 to at least one selected attribute").into());
    }
    Ok(weights)
}

/// Returns row-major `values` of shape `[n, columns]` with each column multiplied by its weight; `weights` has shape `[columns]`.
///
/// # Panics
/// If there are no weights, or if the values are not whole rows of `weights.len()` values.
pub fn weighted(values: &[f32], weights: &[f32]) -> Vec<f32> {
    assert!(values.len().is_multiple_of(weights.len()), "there must be a weight for each column");
    values.chunks_exact(weights.len()).flat_map(|row| row.iter().zip(weights).map(|(value, weight)| value * weight)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::attributes::CELEBA_ATTRIBUTES;
    use safetensors::SafeTensors;

    fn table(attributes: &[&str]) -> AttributeTable {
        AttributeTable {
            images: vec!["a".into()],
            attributes: attributes.iter().map(|name| name.to_string()).collect(),
            values: vec![0.0; attributes.len()],
            faces: Vec::new(),
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn rare_and_common_weights_match_the_fixtures() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels-tests/golden/cluster/data.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: &str| -> Vec<f64> {
            file.tensor(name).unwrap().data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
        };
        assert_eq!(tensor("frequency"), FREQUENCIES);
        let columns = names(&paper_attributes());
        for (rule, fixture) in [("rare", "rare_weights"), ("common", "common_weights")] {
            let found = rule.parse::<WeightRule>().unwrap().weights(&columns, &table(&CELEBA_ATTRIBUTES)).unwrap();
            let expected: Vec<f32> = tensor(fixture).iter().map(|weight| *weight as f32).collect();
            assert_eq!(found, expected, "{rule}");
        }
        let error =
            WeightRule::Rare.weights(&names(&["Male", "Attractive"]), &table(&CELEBA_ATTRIBUTES)).unwrap_err().to_string();
        assert!(error.contains("Attractive") && error.contains("rare"), "{error}");
    }

    #[test]
    fn a_file_of_weights_is_read_or_refused_with_the_line_at_fault() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            WeightRule::File(path.clone()).weights(&names(&["Young", "Male"]), &table(&["Male", "Smiling", "Young"]))
        };
        assert_eq!(read("attribute,weight\nMale,0.5\nYoung, 2\nSmiling,0\n").unwrap(), [2.0, 0.5]);
        for (text, parts) in [
            ("name,weight\nMale,1\n", &["line 1", "'attribute,weight'"][..]),
            ("attribute,weight\nMale,1\nYoungg,1\n", &["line 3", "did you mean 'Young'?"]),
            ("attribute,weight\nMale,1\nMale,2\n", &["line 3", "Male appears twice"]),
            ("attribute,weight\nMale,-1\nYoung,1\n", &["line 2", "the weight of Male is '-1'"]),
            ("attribute,weight\nMale,NaN\nYoung,1\n", &["line 2", "'NaN'"]),
            ("attribute,weight\nMale,inf\nYoung,1\n", &["line 2", "'inf'"]),
            ("attribute,weight\nMale,much\nYoung,1\n", &["line 2", "'much'"]),
            ("attribute,weight\nMale\n", &["line 2", "1 columns"]),
            ("attribute,weight\nMale,1\n", &["Young has no weight"]),
            ("attribute,weight\nMale,0\nYoung,0\n", &["every weight is 0"]),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)) && error.contains("weights.csv"), "{text:?}: {error}");
        }
        let missing = WeightRule::File("no/such.csv".into()).weights(&names(&["Male"]), &table(&["Male"])).unwrap_err();
        assert!(missing.to_string().contains("no/such.csv"));
    }

    #[test]
    fn columns_are_multiplied_by_their_weights() {
        assert_eq!(weighted(&[1.0, 1.0, 0.0, 2.0], &[0.5, 3.0]), [0.5, 3.0, 0.0, 6.0]);
    }
}

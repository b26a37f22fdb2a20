//! The file `metrics.json`: an evaluation that other programs and the report can read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{EvaluationError, HalfPrecision, Metrics, Mistake};
use crate::data::json::read_checked;

/// The metrics of predictions on labelled images, and the most confident mistakes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The partition that was evaluated. `None` if the labels have no partitions, and all images were evaluated.
    pub partition: Option<String>,
    /// The metrics. In the file their fields are at the top level.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The most confident mistakes, in descending order of |p − label|.
    pub confident_mistakes: Vec<Mistake>,
    /// The effect of 16-bit floats on the predictions. `None` if the model was run in 32-bit floats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_precision: Option<HalfPrecision>,
}

impl Evaluation {
    /// Reads and checks `metrics.json`.
    ///
    /// # Errors
    /// [`EvaluationError`] if the file is missing, is not JSON of this form, or has fields that contradict each other.
    pub fn read(path: &Path) -> Result<Self, EvaluationError> {
        Ok(read_checked(path, "lineament eval", Self::check)?)
    }

    /// Checks that the fields do not contradict each other.
    ///
    /// # Errors
    /// A sentence that names the field, the value expected and the value found.
    pub fn check(&self) -> Result<(), String> {
        let Metrics { images, attributes, .. } = &self.metrics;
        if attributes.is_empty() {
            return Err("`attributes` is empty, expected one entry for each attribute".into());
        }
        for one in attributes {
            let name = &one.attribute;
            let counted = [one.true_positives, one.false_positives, one.false_negatives, one.true_negatives];
            let counted = counted.into_iter().try_fold(0usize, usize::checked_add);
            if counted != Some(*images) {
                return Err(format!(
                    "`attributes`, {name}: the confusion matrix is wrong, it does not count the {images} images"
                ));
            }
            let shares = [Some(one.accuracy), Some(one.majority_accuracy), one.balanced_accuracy, one.roc_auc];
            if let Some(share) = shares.into_iter().flatten().find(|share| !(0.0..=1.0).contains(share)) {
                return Err(format!("`attributes`, {name}: expected shares in [0, 1], found {share}"));
            }
        }
        for mistake in &self.confident_mistakes {
            let Mistake { image, attribute, label, probability } = mistake;
            if *label > 1 || !(0.0..=1.0).contains(probability) || !attributes.iter().any(|one| one.attribute == *attribute) {
                return Err(format!(
                    "`confident_mistakes`, {image}: expected an evaluated attribute with a label of 0 or 1 and a probability, \
                     found {attribute}, {label} and {probability}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation() -> Evaluation {
        let names = ["a", "b"].map(String::from);
        let mistake = Mistake { image: "x.png".into(), attribute: "a".into(), label: 1, probability: 0.1 };
        let metrics = Metrics::new(&names, &[0.1, 0.3, 0.7, 0.2], &[1, 0, 1, 0]);
        Evaluation { partition: Some("test".into()), metrics, confident_mistakes: vec![mistake], half_precision: None }
    }

    #[test]
    fn a_file_reads_back_as_it_was() {
        let file = tempfile::NamedTempFile::new().unwrap();
        serde_json::to_writer(&file, &evaluation()).unwrap();
        assert_eq!(Evaluation::read(file.path()).unwrap(), evaluation());
    }

    #[test]
    fn the_error_for_a_contradiction_names_file_and_field() {
        type Change = fn(&mut Evaluation);
        let cases: [(Change, &str); 5] = [
            (|one| one.metrics.attributes.clear(), "`attributes` is empty"),
            (
                |one| one.metrics.attributes[1].true_positives += 1,
                "`attributes`, b: the confusion matrix is wrong, it does not count the 2 images",
            ),
            (|one| one.metrics.attributes[0].accuracy = 1.5, "`attributes`, a: expected shares in [0, 1], found 1.5"),
            (|one| one.confident_mistakes[0].label = 2, "`confident_mistakes`, x.png"),
            (|one| one.confident_mistakes[0].attribute = "c".into(), "found c, 1"),
        ];
        for (change, expected) in cases {
            let mut changed = evaluation();
            change(&mut changed);
            let file = tempfile::NamedTempFile::new().unwrap();
            serde_json::to_writer(&file, &changed).unwrap();
            let message = Evaluation::read(file.path()).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("lineament eval"), "{message}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{}").unwrap();
        assert!(Evaluation::read(file.path()).unwrap_err().to_string().contains("not a result of `lineament eval`"));
        assert!(Evaluation::read(Path::new("no/such.json")).unwrap_err().to_string().contains("cannot be read"));
    }
}

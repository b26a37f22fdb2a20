//! The paper's loss issue: does a network that was trained with a given loss ever predict attributes that few faces have?

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::text_table::columns;
use super::{EvaluationError, Metrics};
use crate::data::json::read_checked;

/// The two limits below which an attribute is rare, as shares of the training images. An attribute that no training image
/// has does not count as rare, because no loss could teach it.
pub const RARE: [f64; 2] = [0.05, 0.10];

/// The comparison of several losses. The same network was trained with each of them from the same initial weights, and each
/// trained network predicted the validation images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossIssue {
    /// The number of training images.
    pub training_images: usize,
    /// The number of validation images.
    pub validation_images: usize,
    /// The number of epochs. The results are those of the epoch with the best validation accuracy.
    pub epochs: u32,
    /// The accuracy on the validation images of always predicting the more frequent class of each attribute.
    pub majority_accuracy: f64,
    /// The attributes, in the order of the network's outputs.
    pub attributes: Vec<AttributeOccurrence>,
    /// The result of each loss.
    pub losses: Vec<LossOutcome>,
}

/// The frequency of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeOccurrence {
    /// The name of the attribute.
    pub attribute: String,
    /// The share of the training images that have the attribute, from 0 to 1.
    pub occurrence: f64,
    /// The number of validation images that have the attribute.
    pub validation_images: usize,
}

/// The result of training with one loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossOutcome {
    /// The name of the loss.
    pub loss: String,
    /// The epoch with the best validation accuracy, counted from 1.
    pub epoch: u32,
    /// The mean accuracy over the attributes on the validation images.
    pub accuracy: f64,
    /// The mean balanced accuracy over the attributes that have both classes in the validation images. `None` if there is no such
    /// attribute.
    pub balanced_accuracy: Option<f64>,
    /// The results for the rare attributes, one for each limit of [`RARE`].
    pub rare: Vec<RareOutcome>,
    /// The result for each attribute, in the order of [`LossIssue::attributes`].
    pub attributes: Vec<AttributeOutcome>,
}

/// The result of a loss for the attributes that less than a given share of the training images have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RareOutcome {
    /// The limit: an attribute is rare if its share of the training images is below this.
    pub below: f64,
    /// The number of rare attributes.
    pub attributes: usize,
    /// The number of rare attributes that are predicted for at least one validation image.
    pub predicted: usize,
    /// `predicted` divided by `attributes`. `None` if no attribute is rare.
    pub share: Option<f64>,
    /// The mean recall of the rare attributes that some validation image has. `None` if there is no such attribute.
    pub recall: Option<f64>,
}

/// The result of a loss for one attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeOutcome {
    /// The name of the attribute.
    pub attribute: String,
    /// The number of validation images for which the attribute is predicted, correctly or not.
    pub predicted: usize,
    /// Among the validation images that have the attribute, the share for which it is predicted. `None` if no image has it.
    pub recall: Option<f64>,
}

impl AttributeOccurrence {
    /// Returns whether at least one training image, but less than the given share of them, has the attribute.
    pub fn is_below(&self, share: f64) -> bool {
        self.occurrence > 0.0 && self.occurrence < share
    }
}

impl LossIssue {
    /// Returns a comparison without any losses yet. `names` are the attributes. Both kinds of labels are 0 or 1 and have the
    /// shape `[images, names]`, row-major.
    pub fn new(names: &[String], training_labels: &[u8], validation_labels: &[u8], epochs: u32) -> LossIssue {
        let width = names.len().max(1);
        let having = |labels: &[u8], column: usize| labels.chunks_exact(width).filter(|row| row[column] == 1).count();
        let training_images = training_labels.len() / width;
        let validation_images = validation_labels.len() / width;
        let occurrence = |(column, name): (usize, &String)| AttributeOccurrence {
            attribute: name.clone(),
            occurrence: having(training_labels, column) as f64 / training_images.max(1) as f64,
            validation_images: having(validation_labels, column),
        };
        let attributes: Vec<AttributeOccurrence> = names.iter().enumerate().map(occurrence).collect();
        let majority = attributes.iter().map(|one| one.validation_images.max(validation_images - one.validation_images));
        let majority_accuracy = majority.sum::<usize>() as f64 / (validation_images * width).max(1) as f64;
        LossIssue { training_images, validation_images, epochs, majority_accuracy, attributes, losses: Vec::new() }
    }

    /// Adds the result of a loss. `epoch` is the best epoch, and `metrics` are those of this epoch on the validation images.
    pub fn add(&mut self, loss: &str, epoch: u32, metrics: &Metrics) {
        let attributes: Vec<AttributeOutcome> = metrics
            .attributes
            .iter()
            .map(|one| AttributeOutcome {
                attribute: one.attribute.clone(),
                predicted: one.true_positives + one.false_positives,
                recall: (one.true_positives + one.false_negatives > 0).then_some(one.recall),
            })
            .collect();
        self.losses.push(LossOutcome {
            loss: loss.to_string(),
            epoch,
            accuracy: metrics.means.accuracy,
            balanced_accuracy: metrics.means.balanced_accuracy,
            rare: RARE.map(|below| self.rare_outcome(below, &attributes)).to_vec(),
            attributes,
        });
    }

    /// Returns the result for the attributes that less than the share `below` of the training images have.
    fn rare_outcome(&self, below: f64, outcomes: &[AttributeOutcome]) -> RareOutcome {
        let pairs = self.attributes.iter().zip(outcomes);
        let rare: Vec<&AttributeOutcome> = pairs.filter(|(one, _)| one.is_below(below)).map(|(_, outcome)| outcome).collect();
        let predicted = rare.iter().filter(|one| one.predicted > 0).count();
        let recalls: Vec<f64> = rare.iter().filter_map(|one| one.recall).collect();
        let of = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
        RareOutcome {
            below,
            attributes: rare.len(),
            predicted,
            share: of(predicted as f64, rare.len()),
            recall: of(recalls.iter().sum(), recalls.len()),
        }
    }

    /// Returns the positions of the attributes from the rarest to the most frequent: all of them if `all` is true, otherwise
    /// those that are rare by the larger limit of [`RARE`].
    pub fn rarest_first(&self, all: bool) -> Vec<usize> {
        let wanted = |at: &usize| all || self.attributes[*at].is_below(RARE[1]);
        let mut order: Vec<usize> = (0..self.attributes.len()).filter(wanted).collect();
        order.sort_by(|a, b| self.attributes[*a].occurrence.total_cmp(&self.attributes[*b].occurrence));
        order
    }

    /// Reads and checks `loss_issue.json`.
    ///
    /// # Errors
    /// [`EvaluationError`] if the file is missing, is not JSON of this form, or has fields that contradict each other.
    pub fn read(path: &Path) -> Result<LossIssue, EvaluationError> {
        Ok(read_checked(path, "lineament reproduce --only loss-issue", Self::check)?)
    }

    /// Checks that all losses have the same attributes, and that shares are from 0 to 1.
    ///
    /// # Errors
    /// A sentence that names the field, the value expected and the value found.
    pub fn check(&self) -> Result<(), String> {
        let names = || self.attributes.iter().map(|one| one.attribute.as_str());
        for LossOutcome { loss, attributes, rare, .. } in &self.losses {
            if !names().eq(attributes.iter().map(|one| one.attribute.as_str())) {
                return Err(format!("`losses`, {loss}: the attributes differ from those of `attributes`"));
            }
            if rare.len() != RARE.len() {
                return Err(format!("`losses`, {loss}: expected {} entries of `rare`, found {}", RARE.len(), rare.len()));
            }
        }
        let recalls = self.losses.iter().flat_map(|one| &one.attributes).filter_map(|one| one.recall);
        let shares = self.attributes.iter().map(|one| one.occurrence).chain(recalls);
        match shares.into_iter().find(|share| !(0.0..=1.0).contains(share)) {
            Some(share) => Err(format!("expected shares in [0, 1], found {share}")),
            None => Ok(()),
        }
    }

    /// Returns a table of the losses as text, with the headings in the first row. Shares are in percent. `missing` stands
    /// for a number that is not there.
    pub fn summary(&self, missing: &str) -> Vec<Vec<String>> {
        let percent = |share: Option<f64>| share.map_or(missing.to_string(), |share| format!("{:.2}", 100.0 * share));
        let mut heading = ["Loss", "Best epoch", "Accuracy", "Balanced accuracy"].map(String::from).to_vec();
        for below in RARE {
            heading.extend([format!("Below {:.0} % ever predicted", 100.0 * below), "Their recall".to_string()]);
        }
        let mut rows = vec![heading];
        for one in &self.losses {
            let mut row = vec![one.loss.clone(), one.epoch.to_string()];
            row.extend([percent(Some(one.accuracy)), percent(one.balanced_accuracy)]);
            for rare in &one.rare {
                let ever = rare.share.map(|share| format!("{} of {} ({:.0} %)", rare.predicted, rare.attributes, 100.0 * share));
                row.extend([ever.unwrap_or(missing.to_string()), percent(rare.recall)]);
            }
            rows.push(row);
        }
        let mut guess = ["always the majority", missing].map(String::from).to_vec();
        guess.push(percent(Some(self.majority_accuracy)));
        guess.resize(rows[0].len(), missing.to_string());
        rows.push(guess);
        rows
    }

    /// Returns a table of the recall of each rare attribute with each loss as text, with the headings in the first row and
    /// the rarest attribute next. Shares are in percent. A recall is `never` if the attribute is not predicted for any
    /// image, and `missing` if no validation image has the attribute.
    pub fn recalls(&self, missing: &str) -> Vec<Vec<String>> {
        let heading = ["Attribute", "Occurrence", "Validation images"].map(String::from).into_iter();
        let mut rows = vec![heading.chain(self.losses.iter().map(|one| one.loss.clone())).collect::<Vec<_>>()];
        for at in self.rarest_first(false) {
            let one = &self.attributes[at];
            let mut row =
                vec![one.attribute.clone(), format!("{:.2}", 100.0 * one.occurrence), one.validation_images.to_string()];
            row.extend(self.losses.iter().map(|loss| match &loss.attributes[at] {
                AttributeOutcome { predicted: 0, .. } => "never".to_string(),
                AttributeOutcome { recall, .. } => recall.map_or(missing.to_string(), |recall| format!("{:.2}", 100.0 * recall)),
            }));
            rows.push(row);
        }
        rows
    }

    /// Returns both tables as text in aligned columns, for a terminal. A missing number is written as `-`.
    pub fn to_text(&self) -> String {
        let (epochs, images) = (self.epochs, self.validation_images);
        let rare = format!("Recall of the attributes that less than {:.0} % of the training images have", 100.0 * RARE[1]);
        format!(
            "On {images} validation images after the best of {epochs} epochs, in percent\n\n{}\n{rare}\n\n{}",
            columns(&self.summary("-")),
            columns(&self.recalls("-"))
        )
    }

    /// Returns a CSV table with a row for each loss: its numbers, and then the recall of each rare attribute. A missing
    /// number is an empty field.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn to_csv(&self) -> std::io::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let text = |number: Option<f64>| number.map_or(String::new(), |number| format!("{number:.6}"));
        let rare = self.rarest_first(false);
        let mut heading = ["loss", "epoch", "accuracy", "balanced_accuracy"].map(String::from).to_vec();
        for below in RARE {
            let of = |figure: &str| format!("below_{:.0}_percent_{figure}", 100.0 * below);
            heading.extend(["attributes", "predicted", "share", "recall"].map(of));
        }
        heading.extend(rare.iter().map(|at| format!("recall_{}", self.attributes[*at].attribute)));
        csv.write_record(&heading)?;
        for one in &self.losses {
            let mut row = vec![one.loss.clone(), one.epoch.to_string(), text(Some(one.accuracy)), text(one.balanced_accuracy)];
            for of in &one.rare {
                row.extend([of.attributes.to_string(), of.predicted.to_string(), text(of.share), text(of.recall)]);
            }
            row.extend(rare.iter().map(|at| text(one.attributes[*at].recall)));
            csv.write_record(&row)?;
        }
        csv.into_inner().map_err(|error| error.into_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 25 training images one has `Rare` (4 %), two have `Scarce` (8 %), none has `Absent`, and all but one have
    /// `Common`. Of 4 validation images the first two have `Rare` and `Common`, and none has another attribute.
    fn issue() -> LossIssue {
        let names = ["Common", "Scarce", "Rare", "Absent"].map(String::from);
        let training: Vec<u8> = (0..25).flat_map(|row| [u8::from(row > 0), u8::from(row < 2), u8::from(row == 9), 0]).collect();
        let labels = [1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut issue = LossIssue::new(&names, &training, &labels, 7);
        let never = [0.9, 0.1, 0.2, 0.1].repeat(4);
        issue.add("never", 3, &Metrics::new(&names, &never, &labels));
        let mut sometimes = never.clone();
        sometimes[2] = 0.7;
        sometimes[13] = 0.6;
        issue.add("sometimes", 7, &Metrics::new(&names, &sometimes, &labels));
        issue
    }

    #[test]
    fn rare_attributes_that_are_predicted_at_least_once_are_counted() {
        let issue = issue();
        assert_eq!((issue.training_images, issue.validation_images), (25, 4));
        let occurrences: Vec<f64> = issue.attributes.iter().map(|one| one.occurrence).collect();
        assert_eq!(occurrences, [0.96, 0.08, 0.04, 0.0]);
        // Always predicting the majority is correct for two, four, two and four of the four images.
        assert_eq!(issue.majority_accuracy, 0.75);
        // An attribute that no training image has is not counted, and an attribute exactly at the limit is not either.
        let outcome = |below, attributes, predicted, share, recall| RareOutcome { below, attributes, predicted, share, recall };
        assert_eq!(issue.losses[0].rare, [outcome(0.05, 1, 0, Some(0.0), Some(0.0)), outcome(0.1, 2, 0, Some(0.0), Some(0.0))]);
        // Scarce is predicted for one image, although no image has it.
        assert_eq!(issue.losses[1].rare, [outcome(0.05, 1, 1, Some(1.0), Some(0.5)), outcome(0.1, 2, 2, Some(1.0), Some(0.5))]);
        assert!(!AttributeOccurrence { attribute: String::new(), occurrence: 0.05, validation_images: 0 }.is_below(0.05));
        assert_eq!(issue.rarest_first(true), [3, 2, 1, 0]);
    }

    #[test]
    fn without_rare_attributes_there_is_no_share() {
        let names = ["a".to_string()];
        let mut issue = LossIssue::new(&names, &[1, 0], &[1, 0], 1);
        issue.add("mse", 1, &Metrics::new(&names, &[0.9, 0.1], &[1, 0]));
        assert!(issue.losses[0].rare.iter().all(|rare| rare.attributes == 0 && rare.share.is_none() && rare.recall.is_none()));
        assert_eq!(issue.summary("-")[1], ["mse", "1", "100.00", "100.00", "-", "-", "-", "-"]);
        assert_eq!(issue.recalls("-").len(), 1);
    }

    #[test]
    fn the_tables_name_what_is_never_predicted() {
        let text = issue().to_text();
        let expected = "\
On 4 validation images after the best of 7 epochs, in percent

Loss                 Best epoch  Accuracy  Balanced accuracy  Below 5 % ever predicted  Their recall  Below 10 % ever predicted  Their recall
never                         3     75.00              50.00              0 of 1 (0 %)          0.00               0 of 2 (0 %)          0.00
sometimes                     7     75.00              62.50            1 of 1 (100 %)         50.00             2 of 2 (100 %)         50.00
always the majority           -     75.00                  -                         -             -                          -             -

Recall of the attributes that less than 10 % of the training images have

Attribute  Occurrence  Validation images  never  sometimes
Rare             4.00                  2  never      50.00
Scarce           8.00                  0  never          -
";
        assert_eq!(text, expected);
        let csv = String::from_utf8(issue().to_csv().unwrap()).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].ends_with(",below_10_percent_recall,recall_Rare,recall_Scarce"), "{}", lines[0]);
        assert_eq!(lines[2], "sometimes,7,0.750000,0.625000,1,1,1.000000,0.500000,2,2,1.000000,0.500000,0.500000,");
    }

    #[test]
    fn a_file_reads_back_as_it_was_and_contradictions_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_vec(&issue()).unwrap()).unwrap();
        assert_eq!(LossIssue::read(file.path()).unwrap(), issue());
        type Change = fn(&mut LossIssue);
        let cases: [(Change, &str); 3] = [
            (|one| drop(one.losses[1].attributes.pop()), "`losses`, sometimes"),
            (|one| one.losses[0].rare.clear(), "`rare`, found 0"),
            (|one| one.losses[0].attributes[0].recall = Some(1.5), "found 1.5"),
        ];
        for (change, expected) in cases {
            let mut changed = issue();
            change(&mut changed);
            std::fs::write(file.path(), serde_json::to_vec(&changed).unwrap()).unwrap();
            let message = LossIssue::read(file.path()).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("lineament reproduce"), "{message}");
        }
    }
}

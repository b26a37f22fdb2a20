//! Metrics of predictions for each attribute and over all attributes, and the accuracy of always guessing the majority.

use serde::{Deserialize, Serialize};

use super::ranking::{average_precision, roc_auc};

/// The metrics of one attribute. They are from 0 to 1 unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeMetrics {
    /// The name of the attribute.
    pub attribute: String,
    /// Number of images that have the attribute and are predicted to have it.
    pub true_positives: usize,
    /// Number of images that do not have the attribute but are predicted to have it.
    pub false_positives: usize,
    /// Number of images that have the attribute but are predicted not to have it.
    pub false_negatives: usize,
    /// Number of images that do not have the attribute and are predicted not to have it.
    pub true_negatives: usize,
    /// Share of the images that have the attribute.
    pub frequency: f64,
    /// Share of correct predictions.
    pub accuracy: f64,
    /// Accuracy of always predicting the more frequent class.
    pub majority_accuracy: f64,
    /// Mean of sensitivity and specificity. It is one half for any constant prediction. `None` if only one class occurs.
    pub balanced_accuracy: Option<f64>,
    /// Among the images predicted to have the attribute, the share that have it; 0 if there are no such images.
    pub precision: f64,
    /// Among the images that have the attribute, the share that are predicted to have it; 0 if there are no such images.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 if both are 0.
    pub f1: f64,
    /// Matthews' correlation coefficient, from −1 to 1; 0 if all labels or all predictions are the same.
    pub matthews: f64,
    /// Area under the ROC curve. `None` if only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision. `None` if no image has the attribute.
    pub average_precision: Option<f64>,
    /// Brier score: the mean squared difference between probability and label. `None` if only one class occurs.
    pub brier: Option<f64>,
    /// Number of mistakes divided by the number of images. This is the first "mis-prediction ratio" of the paper's script.
    pub mis_prediction_ratio: f64,
    /// Number of mistakes divided by the number of images predicted to have the attribute. It may be above 1. This is the second
    /// ratio of the paper's script. `None` if no image is predicted to have the attribute; the script divides by zero in this
    /// case.
    pub mistakes_a_positive_prediction: Option<f64>,
}

/// Means of the metrics over the attributes. Each mean is over the attributes that have the metric, and is `None` if no attribute
/// has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// Mean of [`AttributeMetrics::frequency`].
    pub frequency: f64,
    /// Mean of [`AttributeMetrics::accuracy`]. It equals Keras' `binary_accuracy`, and 1 minus the Hamming loss.
    pub accuracy: f64,
    /// Mean of [`AttributeMetrics::majority_accuracy`].
    pub majority_accuracy: f64,
    /// Mean of [`AttributeMetrics::balanced_accuracy`].
    pub balanced_accuracy: Option<f64>,
    /// Mean of [`AttributeMetrics::precision`].
    pub precision: f64,
    /// Mean of [`AttributeMetrics::recall`].
    pub recall: f64,
    /// Mean of [`AttributeMetrics::f1`], which is the macro F1.
    pub f1: f64,
    /// Mean of [`AttributeMetrics::matthews`].
    pub matthews: f64,
    /// Mean of [`AttributeMetrics::roc_auc`].
    pub roc_auc: Option<f64>,
    /// Mean of [`AttributeMetrics::average_precision`].
    pub average_precision: Option<f64>,
    /// Mean of [`AttributeMetrics::brier`].
    pub brier: Option<f64>,
    /// Mean of [`AttributeMetrics::mis_prediction_ratio`].
    pub mis_prediction_ratio: f64,
    /// Mean of [`AttributeMetrics::mistakes_a_positive_prediction`].
    pub mistakes_a_positive_prediction: Option<f64>,
}

/// The metrics of predictions of all attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Number of images.
    pub images: usize,
    /// The metrics of each attribute, in the order of the model's outputs.
    pub attributes: Vec<AttributeMetrics>,
    /// The means over the attributes.
    pub means: Means,
    /// F1 over the predictions of all attributes taken together.
    pub micro_f1: f64,
    /// Mean number of wrong predictions for an image: attributes · (1 − accuracy).
    pub average_hamming_distance: f64,
    /// Entry i is the number of images with exactly i wrong predictions; shape `[attributes + 1]`.
    pub hamming_distances: Vec<usize>,
    /// Share of images for which all predictions are correct.
    pub exact_match: f64,
    /// The paper's loss: the mean over the images of −Σ n(y) n(p) with n(v) = v / √max(Σ v², 1e-12), where y are the labels
    /// and p the probabilities of an image. −1 is best.
    pub cosine_proximity: f64,
}

/// A metric of an attribute, or `None` if the attribute does not have it.
type Figure = fn(&AttributeMetrics) -> Option<f64>;

/// The columns of the CSV table after the name of the attribute.
const COLUMNS: [(&str, Figure); 17] = [
    ("frequency", |one| Some(one.frequency)),
    ("accuracy", |one| Some(one.accuracy)),
    ("majority_accuracy", |one| Some(one.majority_accuracy)),
    ("balanced_accuracy", |one| one.balanced_accuracy),
    ("precision", |one| Some(one.precision)),
    ("recall", |one| Some(one.recall)),
    ("f1", |one| Some(one.f1)),
    ("matthews", |one| Some(one.matthews)),
    ("roc_auc", |one| one.roc_auc),
    ("average_precision", |one| one.average_precision),
    ("brier", |one| one.brier),
    ("mis_prediction_ratio", |one| Some(one.mis_prediction_ratio)),
    ("mistakes_a_positive_prediction", |one| one.mistakes_a_positive_prediction),
    ("true_positives", |one| Some(one.true_positives as f64)),
    ("false_positives", |one| Some(one.false_positives as f64)),
    ("false_negatives", |one| Some(one.false_negatives as f64)),
    ("true_negatives", |one| Some(one.true_negatives as f64)),
];

impl Metrics {
    /// Compares probabilities with labels. Both have the shape `[images, names]`, row-major, and the labels are 0 or 1. A
    /// prediction is 1 if the probability is more than one half, as with Python's `round`, which the paper's script uses.
    ///
    /// # Panics
    /// If there are no names, or if the numbers of labels and probabilities differ.
    pub fn new(names: &[String], probabilities: &[f32], labels: &[u8]) -> Metrics {
        assert!(!names.is_empty() && probabilities.len() == labels.len(), "there must be a label for every probability");
        let width = names.len();
        let attributes: Vec<AttributeMetrics> =
            (0..width).map(|column| AttributeMetrics::of_column(names, column, probabilities, labels)).collect();
        let mut hamming_distances = vec![0; width + 1];
        let mut proximity = 0.0;
        for (probabilities, labels) in probabilities.chunks_exact(width).zip(labels.chunks_exact(width)) {
            let wrong = probabilities.iter().zip(labels).filter(|(probability, label)| is_wrong(**probability, **label)).count();
            hamming_distances[wrong] += 1;
            proximity += cosine_proximity(probabilities, labels);
        }
        let images = probabilities.len() / width;
        let total = |count: fn(&AttributeMetrics) -> usize| attributes.iter().map(count).sum::<usize>();
        let found = total(|one| one.true_positives);
        let mistakes = total(|one| one.false_positives + one.false_negatives);
        Metrics {
            images,
            means: Means::of(&attributes),
            micro_f1: ratio(2 * found, 2 * found + mistakes),
            average_hamming_distance: ratio(mistakes, images),
            exact_match: ratio(hamming_distances[0], images),
            hamming_distances,
            cosine_proximity: proximity / images.max(1) as f64,
            attributes,
        }
    }

    /// Returns a CSV table with a row for each attribute and a last row for the means. A missing metric is an empty field.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn to_csv(&self) -> std::io::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(std::iter::once("attribute").chain(COLUMNS.map(|(name, _)| name)))?;
        let text = |number: Option<f64>| number.map_or(String::new(), |number| format!("{number:.6}"));
        for one in &self.attributes {
            csv.write_record(std::iter::once(one.attribute.clone()).chain(COLUMNS.map(|(_, figure)| text(figure(one)))))?;
        }
        let means = COLUMNS.map(|(_, figure)| text(mean(&self.attributes, figure)));
        csv.write_record(std::iter::once("mean".to_string()).chain(means))?;
        csv.into_inner().map_err(|error| error.into_error())
    }
}

impl Means {
    fn of(attributes: &[AttributeMetrics]) -> Means {
        let some = |figure: Figure| mean(attributes, figure);
        let all = |figure: Figure| mean(attributes, figure).unwrap_or(0.0);
        Means {
            frequency: all(|one| Some(one.frequency)),
            accuracy: all(|one| Some(one.accuracy)),
            majority_accuracy: all(|one| Some(one.majority_accuracy)),
            balanced_accuracy: some(|one| one.balanced_accuracy),
            precision: all(|one| Some(one.precision)),
            recall: all(|one| Some(one.recall)),
            f1: all(|one| Some(one.f1)),
            matthews: all(|one| Some(one.matthews)),
            roc_auc: some(|one| one.roc_auc),
            average_precision: some(|one| one.average_precision),
            brier: some(|one| one.brier),
            mis_prediction_ratio: all(|one| Some(one.mis_prediction_ratio)),
            mistakes_a_positive_prediction: some(|one| one.mistakes_a_positive_prediction),
        }
    }
}

impl AttributeMetrics {
    /// Calculates the metrics of the attribute at position `column`.
    fn of_column(names: &[String], column: usize, probabilities: &[f32], labels: &[u8]) -> AttributeMetrics {
        let of_column = |index: &usize| index % names.len() == column;
        let scored: Vec<(f32, bool)> =
            (0..labels.len()).filter(of_column).map(|index| (probabilities[index], labels[index] == 1)).collect();
        let count = |label: bool, prediction: bool| {
            scored.iter().filter(|(probability, is)| *is == label && predicts(*probability) == prediction).count()
        };
        let (tp, fp, fn_, tn) = (count(true, true), count(false, true), count(true, false), count(false, false));
        let both = tp + fn_ > 0 && fp + tn > 0;
        let squares = || scored.iter().map(|(probability, is)| (f64::from(*probability) - f64::from(u8::from(*is))).powi(2));
        let spread = [tp + fp, tp + fn_, tn + fp, tn + fn_].map(|sum| sum as f64).iter().product::<f64>().sqrt();
        let covariance = tp as f64 * tn as f64 - fp as f64 * fn_ as f64;
        let images = scored.len();
        AttributeMetrics {
            attribute: names[column].clone(),
            true_positives: tp,
            false_positives: fp,
            false_negatives: fn_,
            true_negatives: tn,
            frequency: ratio(tp + fn_, images),
            accuracy: ratio(tp + tn, images),
            majority_accuracy: ratio((tp + fn_).max(fp + tn), images),
            balanced_accuracy: both.then(|| (ratio(tp, tp + fn_) + ratio(tn, tn + fp)) / 2.0),
            precision: ratio(tp, tp + fp),
            recall: ratio(tp, tp + fn_),
            f1: ratio(2 * tp, 2 * tp + fp + fn_),
            matthews: if spread == 0.0 { 0.0 } else { covariance / spread },
            roc_auc: roc_auc(&scored),
            average_precision: average_precision(&scored),
            brier: both.then(|| squares().sum::<f64>() / images as f64),
            mis_prediction_ratio: ratio(fp + fn_, images),
            mistakes_a_positive_prediction: (tp + fp > 0).then(|| ratio(fp + fn_, tp + fp)),
        }
    }
}

/// Returns whether a probability predicts the attribute, that is, whether it rounds to 1. One half is rounded to the even
/// neighbour 0.
pub(super) fn predicts(probability: f32) -> bool {
    probability.round_ties_even() == 1.0
}

/// Returns whether the prediction of a probability differs from the label.
pub(super) fn is_wrong(probability: f32, label: u8) -> bool {
    predicts(probability) != (label == 1)
}

/// Returns `part / whole`, or 0 if `whole` is 0.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns the mean of a metric over the attributes that have it.
fn mean(attributes: &[AttributeMetrics], figure: Figure) -> Option<f64> {
    let values: Vec<f64> = attributes.iter().filter_map(figure).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns −Σ n(y) n(p) for one image (see [`Metrics::cosine_proximity`]).
fn cosine_proximity(probabilities: &[f32], labels: &[u8]) -> f64 {
    let (mut product, mut squares) = (0.0, [0.0; 2]);
    for (probability, label) in probabilities.iter().zip(labels) {
        let (p, y) = (f64::from(*probability), f64::from(*label));
        product += p * y;
        squares[0] += p * p;
        squares[1] += y * y;
    }
    let [predicted, labelled] = squares.map(|sum| f64::max(sum, 1e-12).sqrt());
    -product / (predicted * labelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(probabilities: &[f32], labels: &[u8], width: usize) -> Metrics {
        let names: Vec<String> = (0..width).map(|column| ((b'a' + column as u8) as char).to_string()).collect();
        Metrics::new(&names, probabilities, labels)
    }

    #[test]
    fn metrics_follow_their_definitions() {
        // Attribute a has the labels 1 1 0 0 and the predictions 1 0 0 0 (one half rounds to 0). Attribute b has only one class.
        let probabilities = [0.9, 0.2, 0.5, 0.7, 0.1, 0.1, 0.3, 0.0];
        let metrics = metrics(&probabilities, &[1, 0, 1, 0, 0, 0, 0, 0], 2);
        let a = &metrics.attributes[0];
        assert_eq!((a.true_positives, a.false_positives, a.false_negatives, a.true_negatives), (1, 0, 1, 2));
        assert_eq!((a.frequency, a.accuracy, a.majority_accuracy, a.balanced_accuracy), (0.5, 0.75, 0.5, Some(0.75)));
        assert_eq!((a.precision, a.recall, a.f1), (1.0, 0.5, 2.0 / 3.0));
        assert_eq!((a.roc_auc, a.average_precision), (Some(1.0), Some(1.0)));
        // (1·2 − 0·1) / √(1·2·2·3)
        assert!((a.matthews - 2.0 / 12f64.sqrt()).abs() < 1e-15);
        // (0.1² + 0.5² + 0.1² + 0.3²) / 4
        assert!((a.brier.unwrap() - 0.09).abs() < 1e-7);
        assert_eq!((a.mis_prediction_ratio, a.mistakes_a_positive_prediction), (0.25, Some(1.0)));
        let b = &metrics.attributes[1];
        assert_eq!((b.accuracy, b.majority_accuracy, b.balanced_accuracy), (0.75, 1.0, None));
        assert_eq!((b.roc_auc, b.average_precision, b.brier, b.matthews), (None, None, None, 0.0));
        assert_eq!((metrics.means.accuracy, metrics.means.balanced_accuracy), (0.75, Some(0.75)));
        assert_eq!((metrics.average_hamming_distance, metrics.exact_match), (0.5, 0.75));
        assert_eq!(metrics.hamming_distances, [3, 0, 1]);
        assert_eq!(metrics.micro_f1, 0.5);
    }

    #[test]
    fn constant_predictions_and_constant_labels_have_no_ratios() {
        let never = &metrics(&[0.2, 0.3, 0.5], &[1, 0, 1], 1).attributes[0];
        assert_eq!((never.precision, never.recall, never.f1, never.matthews), (0.0, 0.0, 0.0, 0.0));
        assert_eq!((never.mis_prediction_ratio, never.mistakes_a_positive_prediction), (2.0 / 3.0, None));
        assert_eq!((never.balanced_accuracy, never.majority_accuracy), (Some(0.5), 2.0 / 3.0));
        let ones = metrics(&[0.9, 0.2], &[1, 1], 1);
        assert_eq!((ones.means.balanced_accuracy, ones.means.roc_auc), (None, None));
        assert_eq!(ones.attributes[0].average_precision, Some(1.0));
        assert_eq!((ones.attributes[0].majority_accuracy, ones.attributes[0].recall), (1.0, 0.5));
        let none = metrics(&[], &[], 1);
        assert_eq!((none.images, none.means.accuracy, none.average_hamming_distance), (0, 0.0, 0.0));
    }

    #[test]
    fn the_loss_is_minus_the_cosine() {
        // The images are aligned, orthogonal and at 45 degrees. The labels of the last one are all 0, so its loss is 0.
        let metrics = metrics(&[0.5, 0.0, 0.0, 0.5, 0.25, 0.25, 0.5, 0.5], &[1, 0, 1, 0, 1, 0, 0, 0], 2);
        assert!((metrics.cosine_proximity + (1.0 + 0.5f64.sqrt()) / 4.0).abs() < 1e-15, "{}", metrics.cosine_proximity);
    }

    #[test]
    fn the_table_has_a_row_for_every_attribute_and_one_for_the_means() {
        let names = ["a", "b, \"c\""].map(String::from);
        let metrics = Metrics::new(&names, &[0.9, 0.2, 0.5, 0.7, 0.1, 0.1, 0.3, 0.0], &[1, 0, 1, 0, 0, 0, 0, 0]);
        let text = String::from_utf8(metrics.to_csv().unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("attribute,frequency,accuracy,majority_accuracy,balanced_accuracy,precision,"));
        assert!(lines[1].starts_with("a,0.500000,0.750000,0.500000,0.750000,1.000000,"));
        assert!(lines[2].starts_with("\"b, \"\"c\"\"\",0.000000,0.750000,1.000000,,0.000000,"));
        assert!(lines[3].starts_with("mean,0.250000,0.750000,0.750000,0.750000,0.500000,"));
    }
}

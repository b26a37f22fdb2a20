//! Reads the training history from `history.csv` and prepares its curves and table for the page.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::wording::decimals;
use crate::data::DataError;
use crate::data::text::{CsvRows, read_text};

/// Largest number of rows in the table of epochs. The table shows the best and the last epoch in addition.
const ROW_LIMIT: usize = 16;

/// The results of one epoch of training. The loss is cosine proximity (-1 is best) unless the run chose another loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch, counted from 1.
    pub epoch: u64,
    /// Mean training loss.
    pub loss: f64,
    /// Training accuracy in [0, 1].
    pub accuracy: f64,
    /// Mean validation loss.
    pub validation_loss: f64,
    /// Validation accuracy in [0, 1].
    pub validation_accuracy: f64,
}

/// Reads `history.csv`. Its columns are the fields of [`Epoch`], in any order; other columns are ignored.
///
/// # Errors
/// Returns [`DataError`] if the file cannot be read or is empty. The error names the line if a line does not hold an epoch.
pub(super) fn read(path: &Path) -> Result<Vec<Epoch>, DataError> {
    CsvRows::new(path, &read_text(path)?)?.deserialize()
}

/// A chart of a training curve and a validation curve over the epochs. The plot area is 100 × 100 units, with y downwards.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    title: &'static str,
    /// Points of the training curve, as the `points` of an SVG `polyline`.
    training: String,
    /// Points of the validation curve, as the `points` of an SVG `polyline`.
    validation: String,
    /// Value at the top of the plot area.
    highest: String,
    /// Value at the bottom of the plot area.
    lowest: String,
}

/// One row of the table of epochs.
#[derive(Debug, Serialize)]
struct Row {
    epoch: u64,
    is_best: bool,
    /// Training loss, training accuracy, validation loss and validation accuracy.
    figures: [String; 4],
}

/// The section of the page that shows a training history.
#[derive(Debug, Serialize)]
pub(super) struct History {
    charts: Vec<Chart>,
    rows: Vec<Row>,
    /// Number of the epoch with the best validation accuracy.
    best: u64,
    /// How many epochs there are.
    epochs: usize,
    /// Number of the first epoch.
    first: u64,
    /// Number of the last epoch.
    last: u64,
}

/// Returns the section for a training history, or `None` if the history is empty.
pub(super) fn summarise(epochs: &[Epoch]) -> Option<History> {
    let (first, last) = (epochs.first()?, epochs.last()?);
    // Among equal accuracies the earliest epoch is the best one, because training keeps the weights of that epoch.
    let best =
        epochs.iter().fold(first, |best, epoch| if epoch.validation_accuracy > best.validation_accuracy { epoch } else { best });
    let stride = epochs.len().div_ceil(ROW_LIMIT);
    let rows = epochs
        .iter()
        .enumerate()
        .filter(|(index, epoch)| index % stride == 0 || epoch.epoch == best.epoch || epoch.epoch == last.epoch)
        .map(|(_, epoch)| Row {
            epoch: epoch.epoch,
            is_best: epoch.epoch == best.epoch,
            figures: [epoch.loss, epoch.accuracy, epoch.validation_loss, epoch.validation_accuracy]
                .map(|value| decimals(value, 4)),
        })
        .collect();
    let charts = vec![
        chart("Accuracy", epochs, |epoch| (epoch.accuracy, epoch.validation_accuracy)),
        chart("Loss", epochs, |epoch| (epoch.loss, epoch.validation_loss)),
    ];
    Some(History { charts, rows, best: best.epoch, epochs: epochs.len(), first: first.epoch, last: last.epoch })
}

fn chart(title: &'static str, epochs: &[Epoch], pair: impl Fn(&Epoch) -> (f64, f64)) -> Chart {
    let finite = || epochs.iter().map(&pair).flat_map(|(a, b)| [a, b]).filter(|value| value.is_finite());
    let highest = finite().fold(f64::NEG_INFINITY, f64::max);
    let lowest = finite().fold(f64::INFINITY, f64::min);
    let range = (highest - lowest).max(f64::MIN_POSITIVE);
    let points = |select: &dyn Fn(&Epoch) -> f64| {
        let steps = (epochs.len() - 1).max(1) as f64;
        let place = |(index, epoch): (usize, &Epoch)| {
            let value = select(epoch);
            let point = format!("{:.2},{:.2}", index as f64 / steps * 100.0, (highest - value) / range * 100.0);
            value.is_finite().then_some(point)
        };
        epochs.iter().enumerate().filter_map(place).collect::<Vec<_>>().join(" ")
    };
    Chart {
        title,
        training: points(&|epoch| pair(epoch).0),
        validation: points(&|epoch| pair(epoch).1),
        highest: decimals(highest, 4),
        lowest: decimals(lowest, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(count: u64) -> Vec<Epoch> {
        let accuracy = |epoch: u64| 1.0 - 1.0 / (epoch as f64 + 1.0) - if epoch > 30 { 0.1 } else { 0.0 };
        let make = |epoch| Epoch {
            epoch,
            loss: -accuracy(epoch),
            accuracy: accuracy(epoch),
            validation_loss: -0.5,
            validation_accuracy: accuracy(epoch) / 2.0,
        };
        (1..=count).map(make).collect()
    }

    #[test]
    fn the_table_keeps_the_best_and_the_last_epoch() {
        let history = summarise(&epochs(100)).expect("a history");
        assert_eq!((history.best, history.epochs), (30, 100));
        assert!(history.rows.len() <= ROW_LIMIT + 2);
        assert!([1, 30, 100].iter().all(|wanted| history.rows.iter().any(|row| row.epoch == *wanted)));
        let short = summarise(&epochs(3)).expect("a history");
        assert_eq!(
            short.rows.iter().map(|row| (row.epoch, row.is_best)).collect::<Vec<_>>(),
            [(1, false), (2, false), (3, true)]
        );
        assert_eq!(short.rows[0].figures, ["−0.5000", "0.5000", "−0.5000", "0.2500"]);
        assert!(summarise(&[]).is_none());
    }

    #[test]
    fn curves_span_their_box() {
        let history = summarise(&epochs(3)).expect("a history");
        assert_eq!(history.charts[0].training, "0.00,50.00 50.00,16.67 100.00,0.00");
        assert_eq!(history.charts[0].validation, "0.00,100.00 50.00,83.33 100.00,75.00");
        let single = summarise(&epochs(1)).expect("a history");
        assert!(!single.charts.iter().any(|chart| chart.training.contains("NaN") || chart.training.contains("inf")));
    }
}

//! The training history: `history.csv`, and its curves for the page.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ReportError;
use super::run_folder::table_error;
use super::wording::decimals;

/// Rows that the page's table of epochs shows at most, the best and the last aside.
const ROW_LIMIT: usize = 16;

/// One epoch of training. Losses are the cosine proximity (-1 is best) unless the run chose another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch.
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

/// Reads `history.csv`, with the columns of [`Epoch`] in any order; other columns are ignored.
///
/// # Errors
/// [`ReportError::Table`] names the line that is not an epoch.
pub(super) fn read(path: &Path) -> Result<Vec<Epoch>, ReportError> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| table_error(path, &error))?;
    let mut epochs = Vec::new();
    for record in reader.deserialize() {
        let epoch: Epoch = record.map_err(|error| table_error(path, &error))?;
        epochs.push(epoch);
    }
    Ok(epochs)
}

/// A chart of two curves over the epochs, in a box of 100 × 100 units with y downwards.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    title: &'static str,
    /// Points of the training curve for SVG's `polyline`.
    training: String,
    /// Points of the validation curve.
    validation: String,
    /// Value at the top of the box.
    highest: String,
    /// Value at the bottom of the box.
    lowest: String,
}

/// One row of the table of epochs.
#[derive(Debug, Serialize)]
struct Row {
    epoch: u64,
    is_best: bool,
    /// Loss and accuracy of training, then of validation.
    figures: [String; 4],
}

/// What the page shows of a training run.
#[derive(Debug, Serialize)]
pub(super) struct History {
    charts: Vec<Chart>,
    rows: Vec<Row>,
    best: u64,
    epochs: usize,
    first: u64,
    last: u64,
}

/// The curves and the table of a history, or nothing if it is empty.
pub(super) fn summarise(epochs: &[Epoch]) -> Option<History> {
    let (first, last) = (epochs.first()?, epochs.last()?);
    // The first of equals is the best, as it is kept while training.
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

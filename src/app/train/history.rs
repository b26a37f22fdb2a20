//! The history of a run: one row for each epoch, as CSV.

use std::fmt::Write;

/// The results of one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochRecord {
    /// The epoch, starting at 1.
    pub epoch: u32,
    /// Mean loss over the samples of the epoch, in training mode (with dropout and batch statistics).
    pub loss: f64,
    /// Share of correct predictions during the epoch, in training mode.
    pub accuracy: f64,
    /// Mean loss over the validation samples after the epoch, in inference mode.
    pub validation_loss: f64,
    /// Share of correct predictions for the validation samples.
    pub validation_accuracy: f64,
}

const HEADER: &str = "epoch,loss,accuracy,validation_loss,validation_accuracy";

/// Returns the history as CSV. Numbers have the fewest digits that read back as the same value.
pub(super) fn to_csv(records: &[EpochRecord]) -> String {
    let mut text = format!("{HEADER}\n");
    for EpochRecord { epoch, loss, accuracy, validation_loss, validation_accuracy } in records {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{epoch},{loss},{accuracy},{validation_loss},{validation_accuracy}");
    }
    text
}

/// Reads what [`to_csv`] wrote. The error says what is wrong in which line.
pub(super) fn from_csv(text: &str) -> Result<Vec<EpochRecord>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(format!("does not begin with `{HEADER}`"));
    }
    let record = |(line, expected): (&str, u32)| {
        let wrong = || format!("has the line `{line}` where epoch {expected} is expected");
        let (epoch, numbers) = line.split_once(',').ok_or_else(wrong)?;
        let numbers: Vec<f64> = numbers.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let [loss, accuracy, validation_loss, validation_accuracy] = numbers[..] else { return Err(wrong()) };
        if epoch.parse() != Ok(expected) || numbers.iter().any(|number| !number.is_finite()) {
            return Err(wrong());
        }
        Ok(EpochRecord { epoch: expected, loss, accuracy, validation_loss, validation_accuracy })
    };
    lines.zip(1..).map(record).collect()
}

/// Returns the epoch with the best validation accuracy; the first one if several are equal.
pub(super) fn best(records: &[EpochRecord]) -> Option<EpochRecord> {
    records.iter().copied().reduce(|best, next| if next.validation_accuracy > best.validation_accuracy { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u32, accuracy: f64) -> EpochRecord {
        EpochRecord { epoch, loss: -0.1 - 0.2, accuracy, validation_loss: -1.0 / 3.0, validation_accuracy: accuracy }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let records = [record(1, 0.1 + 0.2), record(2, 1e-9), record(3, 1.0)];
        let text = to_csv(&records);
        assert_eq!(from_csv(&text).unwrap(), records);
        assert_eq!(text.lines().next(), Some(HEADER));
    }

    #[test]
    fn mistakes_are_named() {
        let good = to_csv(&[record(1, 0.5)]);
        for (from, to) in [("epoch,loss", "loss,epoch"), ("\n1,", "\n2,"), (",0.5", ",NaN"), (",0.5", ""), (",0.5", ",half")] {
            assert!(from_csv(&good.replacen(from, to, 1)).is_err(), "{from} to {to}");
        }
    }

    #[test]
    fn the_first_of_equals_is_best() {
        let records = [record(1, 0.5), record(2, 0.75), record(3, 0.75), record(4, 0.25)];
        assert_eq!(best(&records).map(|record| record.epoch), Some(2));
        assert_eq!(best(&[]), None);
    }
}

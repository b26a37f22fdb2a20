//! Table I of the paper: compares accuracies with published accuracies, with the accuracy of guessing, and with balanced
//! accuracy.

use super::Metrics;
use super::published::published;
use super::text_table::columns;

/// A row of the table. All numbers are in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOneRow {
    /// The name of the attribute, or `mean`.
    pub attribute: String,
    /// Share of correct predictions.
    pub accuracy: f64,
    /// The paper's accuracy, if there is one.
    pub paper: Option<f64>,
    /// The accuracy of LNets+ANet, if there is one.
    pub lnets_anet: Option<f64>,
    /// Accuracy of always predicting the more frequent class.
    pub majority: f64,
    /// Balanced accuracy. `None` if only one class occurs.
    pub balanced: Option<f64>,
}

/// Table I: a row for each attribute, and their means. A published column has a mean only if it has a value for every
/// attribute, so that all means in the table are over the same attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOne {
    /// A row for each attribute, in the order of the metrics.
    pub rows: Vec<TableOneRow>,
    /// The row of the means, which is the last row of the table.
    pub mean: TableOneRow,
}

/// The headings of the columns.
const HEADER: [&str; 6] = ["attribute", "accuracy", "paper", "LNets+ANet", "majority guess", "balanced accuracy"];

impl TableOne {
    /// Returns the table for `metrics`.
    pub fn new(metrics: &Metrics) -> TableOne {
        let rows: Vec<TableOneRow> = metrics
            .attributes
            .iter()
            .map(|one| TableOneRow {
                attribute: one.attribute.clone(),
                accuracy: 100.0 * one.accuracy,
                paper: published(&one.attribute).and_then(|row| row.paper).map(f64::from),
                lnets_anet: published(&one.attribute).map(|row| f64::from(row.lnets_anet)),
                majority: 100.0 * one.majority_accuracy,
                balanced: one.balanced_accuracy.map(|share| 100.0 * share),
            })
            .collect();
        let complete_mean = |column: fn(&TableOneRow) -> Option<f64>| {
            let sum: Option<f64> = rows.iter().map(column).sum();
            sum.map(|sum| sum / rows.len() as f64)
        };
        let mean = TableOneRow {
            attribute: "mean".into(),
            accuracy: 100.0 * metrics.means.accuracy,
            paper: complete_mean(|row| row.paper),
            lnets_anet: complete_mean(|row| row.lnets_anet),
            majority: 100.0 * metrics.means.majority_accuracy,
            balanced: metrics.means.balanced_accuracy.map(|share| 100.0 * share),
        };
        TableOne { rows, mean }
    }

    /// Returns the table as text in aligned columns, for a terminal. A missing number is written as `-`.
    pub fn to_text(&self) -> String {
        let words = |row: &TableOneRow| [&[row.attribute.clone()][..], &row.figures("-")].concat();
        let heading = HEADER.map(String::from).to_vec();
        let rows: Vec<Vec<String>> = [heading].into_iter().chain(self.rows.iter().chain([&self.mean]).map(words)).collect();
        columns(&rows)
    }

    /// Returns the table as CSV. A missing number is an empty field.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn to_csv(&self) -> std::io::Result<Vec<u8>> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(HEADER)?;
        for row in self.rows.iter().chain([&self.mean]) {
            csv.write_field(&row.attribute)?;
            csv.write_record(row.figures(""))?;
        }
        csv.into_inner().map_err(|error| error.into_error())
    }
}

impl TableOneRow {
    /// Returns the five numbers as text, or `missing` in place of a number that is not there. Measured values have two decimals.
    /// Published values are integers, and their means have one decimal.
    pub fn figures(&self, missing: &str) -> [String; 5] {
        let measured = |figure: f64| format!("{figure:.2}");
        let published = |figure: f64| if figure.fract() == 0.0 { figure.to_string() } else { format!("{figure:.1}") };
        let or_missing = |text: Option<String>| text.unwrap_or_else(|| missing.to_string());
        [
            measured(self.accuracy),
            or_missing(self.paper.map(published)),
            or_missing(self.lnets_anet.map(published)),
            measured(self.majority),
            or_missing(self.balanced.map(measured)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_columns_are_filled_and_all_means_are_over_the_same_attributes() {
        let names = ["Bald", "Young", "Freckles"].map(String::from);
        let all = Metrics::new(&names, &[0.9, 0.2, 0.1, 0.1, 0.9, 0.1], &[1, 1, 0, 0, 1, 0]);
        let table = TableOne::new(&all);
        assert_eq!((table.rows[0].paper, table.rows[0].lnets_anet), (Some(99.0), Some(98.0)));
        assert_eq!((table.rows[2].paper, table.rows[2].lnets_anet, table.rows[2].balanced), (None, None, None));
        assert_eq!((table.mean.paper, table.mean.lnets_anet), (None, None));
        let two = Metrics::new(&names[..2], &[0.9, 0.2, 0.1, 0.9], &[1, 1, 0, 1]);
        let table = TableOne::new(&two);
        assert_eq!((table.mean.paper, table.mean.lnets_anet, table.mean.accuracy), (Some(93.5), Some(92.5), 75.0));
        let text = table.to_text();
        let expected = "\
attribute  accuracy  paper  LNets+ANet  majority guess  balanced accuracy
Bald         100.00     99          98           50.00             100.00
Young         50.00     88          87          100.00                  -
mean          75.00   93.5        92.5           75.00             100.00
";
        assert_eq!(text, expected);
        let csv = String::from_utf8(table.to_csv().unwrap()).unwrap();
        assert_eq!(csv.lines().nth(2), Some("Young,50.00,88,87,100.00,"));
    }
}

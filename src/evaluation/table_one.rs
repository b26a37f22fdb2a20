//! Table I of the paper: accuracies beside those published, and beside what accuracy alone hides.

use std::fmt::Write;

use super::Metrics;
use super::published::published;

/// One row, every figure in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOneRow {
    /// The attribute, or `mean`.
    pub attribute: String,
    /// Share of right predictions.
    pub accuracy: f64,
    /// The paper's accuracy, where it has one.
    pub paper: Option<f64>,
    /// LNets+ANet's accuracy, where it has one.
    pub lnets_anet: Option<f64>,
    /// Accuracy of always predicting what is more frequent.
    pub majority: f64,
    /// Balanced accuracy, where both classes occur.
    pub balanced: Option<f64>,
}

/// The table: a row an attribute, and their means. Of a published column there is a mean only if it has every attribute, so
/// that all means of the table are of the same attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOne {
    /// In the order of the attributes evaluated.
    pub rows: Vec<TableOneRow>,
    /// The last row.
    pub mean: TableOneRow,
}

const HEADER: [&str; 6] = ["attribute", "accuracy", "paper", "LNets+ANet", "majority guess", "balanced accuracy"];

impl TableOne {
    /// The table of some metrics.
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

    /// For a terminal, in columns; `-` where there is no figure.
    pub fn to_text(&self) -> String {
        let names = self.rows.iter().map(|row| row.attribute.chars().count());
        let width = names.max().unwrap_or(0).max(HEADER[0].len());
        let mut text = String::new();
        let mut line = |name: &str, figures: [String; 5]| {
            let _ = write!(text, "{name:width$}");
            for (heading, figure) in HEADER[1..].iter().zip(figures) {
                let _ = write!(text, "  {figure:>columns$}", columns = heading.len());
            }
            text.push('\n');
        };
        line(HEADER[0], [1, 2, 3, 4, 5].map(|column| HEADER[column].to_string()));
        for row in self.rows.iter().chain([&self.mean]) {
            line(&row.attribute, row.figures("-"));
        }
        text
    }

    /// As CSV, with empty fields where there is no figure.
    ///
    /// # Errors
    /// Memory for it cannot be had.
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
    /// The figures as one prints them, `missing` where there is none. What is published of an attribute is in whole percent.
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
    fn published_figures_stand_beside_ours_and_means_are_of_the_same_attributes() {
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

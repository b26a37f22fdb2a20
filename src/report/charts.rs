//! Bar charts that show one quantity for each attribute or cluster.

use serde::Serialize;

use super::wording::{readable_name, width};

/// A bar chart of one quantity. Each row also has an upright line at a value to compare the bar with.
#[derive(Serialize)]
pub(super) struct Chart {
    pub title: String,
    /// Noun for one row of the chart: "attribute" or "cluster".
    pub by: &'static str,
    /// Legend of the bars.
    pub bar: &'static str,
    /// Legend of the lines.
    pub line: &'static str,
    pub bars: Vec<Bar>,
}

/// One row of a [`Chart`].
#[derive(Serialize)]
pub(super) struct Bar {
    /// Label of the row: the name of an attribute or a cluster.
    attribute: String,
    /// The value in words.
    value: String,
    /// Length of the bar as a CSS width; empty if the value is undefined.
    width: String,
    /// Position of the line as a CSS width.
    line: String,
}

impl Bar {
    /// Returns a row with the given label. `share` in [0, 1] is the length of the bar, or `None` if it is undefined; `value` is
    /// the text beside it, and `compared` in [0, 1] is the position of the line.
    pub(super) fn new(attribute: &str, share: Option<f64>, value: String, compared: f64) -> Bar {
        let attribute = readable_name(attribute);
        Bar { attribute, value, width: share.map_or(String::new(), width), line: width(compared) }
    }
}

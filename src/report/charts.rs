//! Charts of one figure by attribute or by cluster, several of them beside each other.

use serde::Serialize;

use super::wording::{readable_name, width};

/// A chart of one figure, with a line to compare each bar with.
#[derive(Serialize)]
pub(super) struct Chart {
    pub title: String,
    /// What there is a bar for each of.
    pub by: &'static str,
    /// What the bars show.
    pub bar: &'static str,
    /// What the lines show.
    pub line: &'static str,
    pub bars: Vec<Bar>,
}

#[derive(Serialize)]
pub(super) struct Bar {
    attribute: String,
    value: String,
    /// Empty where the attribute has no such figure.
    width: String,
    line: String,
}

impl Bar {
    /// The bar of an attribute: a share, if it has one, the words for it, and the share to compare it with.
    pub(super) fn new(attribute: &str, share: Option<f64>, value: String, compared: f64) -> Bar {
        let attribute = readable_name(attribute);
        Bar { attribute, value, width: share.map_or(String::new(), width), line: width(compared) }
    }
}

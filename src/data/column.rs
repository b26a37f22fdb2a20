//! The meaning of the columns of a table, by their names.

use std::path::Path;

use super::error::DataError;

/// Names of the column that names the images, which must be the first.
const IMAGE: [&str; 6] = ["image", "file", "filename", "image_id", "path", "name"];
/// Names of the column of partitions.
const PARTITION: [&str; 2] = ["partition", "split"];
/// The similarity from which on a name counts as a misspelling of a reserved one.
const MISSPELT: f64 = 0.75;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    /// The names of the images.
    Image,
    /// The partitions of the images.
    Partition,
    /// The values of an attribute.
    Attribute,
}

/// Returns what a column holds. Blanks around the name and letter case do not matter.
pub(super) fn meaning(name: &str) -> Column {
    let plain = name.trim().to_lowercase();
    if IMAGE.contains(&plain.as_str()) {
        Column::Image
    } else if PARTITION.contains(&plain.as_str()) {
        Column::Partition
    } else {
        Column::Attribute
    }
}

/// Checks that the first column of a header names the images.
///
/// # Errors
/// The first column has another name. The message names the one that is expected.
pub(super) fn require_image(path: &Path, header: &[String]) -> Result<(), DataError> {
    let first = header.first().map_or("", String::as_str);
    match meaning(first) {
        Column::Image => Ok(()),
        _ => Err(DataError::line(path, 1, format!("the first column is '{first}'"), "it must be 'image' or 'file'")),
    }
}

/// Refuses a column whose name looks like a misspelling of the column of partitions. Taken for an attribute, it would silently
/// change which images are trained on.
pub(super) fn refuse_misspelt(path: &Path, name: &str) -> Result<(), DataError> {
    let plain = name.to_lowercase();
    let near = |reserved: &&&str| {
        let singular = plain.strip_suffix('s').unwrap_or(&plain);
        strsim::normalized_damerau_levenshtein(&plain, reserved) >= MISSPELT || singular == **reserved
    };
    match PARTITION.iter().find(near) {
        None => Ok(()),
        Some(reserved) => {
            let problem = format!("the column '{name}' is named almost like '{reserved}'");
            let remedy = format!("name it '{reserved}' if it has the partitions, or choose the attributes with --attributes");
            Err(DataError::line(path, 1, problem, remedy))
        }
    }
}

/// Reads a label: −1, 0 or 1, which may be written as `1.0` or `+1`. Returns `None` for anything else.
pub(super) fn label(text: &str) -> Option<i8> {
    let value: f64 = text.trim().parse().ok()?;
    [-1, 0, 1].into_iter().find(|label| f64::from(*label) == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_names() {
        for (name, expected) in [
            ("image", Column::Image),
            (" Image ", Column::Image),
            ("image_id", Column::Image),
            ("Partition", Column::Partition),
            (" SPLIT", Column::Partition),
            ("Male", Column::Attribute),
        ] {
            assert_eq!(meaning(name), expected, "{name}");
        }
        for name in ["Partitions", "partiton", "Splits", "splt", "partition_"] {
            let message = refuse_misspelt(Path::new("labels.csv"), name).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains("--attributes"), "{message}");
        }
        for name in crate::data::attributes::CELEBA_ATTRIBUTES.into_iter().chain(["Parted_Hair", "Smile", "Lipstick"]) {
            assert!(refuse_misspelt(Path::new("labels.csv"), name).is_ok(), "{name}");
        }
    }

    #[test]
    fn labels_are_numbers_in_any_notation() {
        let cases =
            [("1", Some(1)), (" 0.0", Some(0)), ("-1.0", Some(-1)), ("+1", Some(1)), ("2", None), ("", None), ("0.5", None)];
        for (text, expected) in cases {
            assert_eq!(label(text), expected, "{text}");
        }
    }
}

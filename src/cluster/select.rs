//! The inputs of a clustering: columns of an attribute table selected by name, and initial centres read from a file.

use std::collections::HashSet;
use std::path::Path;

use super::ClusterError;
use crate::data::text::{CsvRecords, read_text};
use crate::data::{AttributeTable, attributes};

/// Returns the columns `names` of a table in that order, or all columns if `names` is empty: their values, row-major with shape
/// `[images, columns]`, and their names. A name may stand for a set of attributes ([`attributes::NAMED_SETS`]).
///
/// # Errors
/// [`ClusterError::Data`] for an attribute that is not in the table, with the most similar name as a suggestion, and
/// [`ClusterError::SelectedTwice`] for an attribute that is named twice.
pub fn select_columns(table: &AttributeTable, names: &[String]) -> Result<(Vec<f32>, Vec<String>), ClusterError> {
    if names.is_empty() {
        return Ok((table.values.clone(), table.attributes.clone()));
    }
    let columns = attributes::select(names, &table.attributes)?;
    let mut seen = HashSet::new();
    if let Some(twice) = columns.iter().find(|column| !seen.insert(**column)) {
        return Err(ClusterError::SelectedTwice { name: table.attributes[*twice].clone() });
    }
    let rows = table.values.chunks_exact(table.attributes.len());
    let values = rows.flat_map(|row| columns.iter().map(|column| row[*column])).collect();
    Ok((values, columns.iter().map(|column| table.attributes[*column].clone()).collect()))
}

/// Returns the indices of the columns that have the same value in all rows of `values`, row-major with shape `[n, columns]`.
pub fn constant_columns(values: &[f32], columns: usize) -> Vec<usize> {
    let Some(first) = values.get(..columns) else { return Vec::new() };
    let mut constant = vec![true; columns];
    for row in values.chunks_exact(columns) {
        for ((constant, value), first) in constant.iter_mut().zip(row).zip(first) {
            *constant &= value == first;
        }
    }
    (0..columns).filter(|column| constant[*column]).collect()
}

/// Reads initial centres from a CSV file of `k` lines of `columns` numbers each, and returns them row-major with shape
/// `[k, columns]`. The first line is skipped as a header if none of its fields is a number.
///
/// # Errors
/// [`ClusterError::Data`] if the file cannot be read, is empty or is not text. [`ClusterError::InitialFile`], which names the
/// line, if its content is not as expected.
pub fn read_centers(path: &Path, k: usize, columns: usize) -> Result<Vec<f32>, ClusterError> {
    let wrong = |line, problem| ClusterError::InitialFile { path: path.to_path_buf(), line, problem, k, columns };
    let text = read_text(path)?;
    let mut records = CsvRecords::new(path, &text);
    let mut centers: Vec<f32> = Vec::new();
    let mut lines = 0;
    let mut last_line = 1;
    let mut is_first = true;
    while let Some((line, record)) = records.next_record()? {
        last_line = line;
        let numbers: Vec<Option<f32>> = record.iter().map(|field| field.trim().parse().ok()).collect();
        if std::mem::take(&mut is_first) && numbers.iter().all(Option::is_none) {
            continue;
        }
        lines += 1;
        if lines > k {
            return Err(wrong(line, format!("there are more than {k} centres")));
        }
        if numbers.len() != columns {
            return Err(wrong(line, format!("{} numbers", numbers.len())));
        }
        for (number, field) in numbers.into_iter().zip(record) {
            let number = number.filter(|number| number.is_finite());
            centers.push(number.ok_or_else(|| wrong(line, format!("'{}' is not a finite number", field.trim())))?);
        }
    }
    if lines < k {
        return Err(wrong(last_line, format!("the file ends after {lines} centres")));
    }
    Ok(centers)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn columns_come_in_the_requested_order() {
        let table = AttributeTable {
            images: ["a", "b"].map(String::from).to_vec(),
            attributes: ["Male", "Smiling", "Young"].map(String::from).to_vec(),
            values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            faces: Vec::new(),
        };
        let select = |names: &[&str]| select_columns(&table, &names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        assert_eq!(select(&[]).unwrap().0, table.values);
        assert_eq!(select(&["Young", "Male"]).unwrap().0, [2.0, 0.0, 5.0, 3.0]);
        assert!(select(&["paper-ten"]).unwrap_err().to_string().contains("Wearing_Lipstick"));
        assert!(select(&["Smilling"]).unwrap_err().to_string().contains("Smiling"));
        assert!(select(&["Male", "Male"]).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn constant_columns_are_found() {
        assert_eq!(constant_columns(&[1.0, 2.0, 0.0, 1.0, 3.0, -0.0], 3), [0, 2]);
        assert_eq!(constant_columns(&[1.0, 2.0], 2), [0, 1]);
        assert!(constant_columns(&[], 2).is_empty());
    }

    #[test]
    fn centres_are_read_with_or_without_a_header() {
        // (file contents, text that the error must contain; empty if the file must be read without an error)
        for (text, message) in [
            ("1,2\n3,4\n", ""),
            ("Male, Young\n 1, 2\n3,4", ""),
            ("1,2\n", "ends after 1"),
            ("Male,Young\n", "ends after 0"),
            ("", "the file is empty"),
            ("1,2\n\n\n3,x\n", "line 4: 'x' is not"),
            ("1,2\n3,4\n5,6\n", "line 3: there are more than 2"),
            ("1,2\n3\n", "line 2: 1 numbers"),
            ("1,x\n3,4\n", "line 1: 'x' is not"),
            ("1,2\n3,inf\n", "line 2: 'inf' is not"),
            ("1,2\n3,NaN\n", "line 2: 'NaN' is not"),
        ] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            match read_centers(file.path(), 2, 2) {
                Ok(centers) => assert!(message.is_empty() && centers == [1.0, 2.0, 3.0, 4.0], "{text:?}"),
                Err(error) => {
                    let found = error.to_string();
                    assert!(!message.is_empty() && found.contains(message), "{text:?}: {found}");
                }
            }
        }
        assert!(matches!(read_centers(Path::new("/nowhere/centres.csv"), 2, 2), Err(ClusterError::Data(_))));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"1,\xff\n").unwrap();
        assert!(read_centers(file.path(), 2, 2).unwrap_err().to_string().contains("UTF-8"));
    }
}

//! Reads CelebA's lists in the official format (`.txt`, separated by blanks) and in Kaggle's format (`.csv`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::data::attributes::{self, CELEBA_ATTRIBUTES};
use crate::data::column::{self, Column};
use crate::data::dataset::{Partition, stays_inside};
use crate::data::error::DataError;
use crate::data::text::{CsvRows, read_text};

/// The content of a `list_attr_celeba` file: the labels of each image.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeList {
    /// The path of the file, or its name in messages.
    pub path: PathBuf,
    /// The names of the images, in the order of the file.
    pub images: Vec<String>,
    /// 1 where the image has the attribute, otherwise 0; shape `[images, 40]`, row-major. The columns are in the order of
    /// [`CELEBA_ATTRIBUTES`].
    pub labels: Vec<u8>,
    /// The line of the file that lists each image, counted from 1.
    pub lines: Vec<usize>,
}

/// The content of a `list_eval_partition` file: the partition of each image.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionList {
    /// The path of the file, or its name in messages.
    pub path: PathBuf,
    /// The names of the images, in the order of the file.
    pub images: Vec<String>,
    /// The partition of each image.
    pub partition: Vec<Partition>,
    /// The line of the file that lists each image, counted from 1.
    pub lines: Vec<usize>,
}

/// Reads CelebA's list of labels. The first line decides between the two formats. A `list_attr_celeba.txt` has the number of
/// images, a line with the names of the attributes, and then rows separated by any white space. A `list_attr_celeba.csv` has a
/// header with `image_id` and the names of the attributes. The names may be in any order.
///
/// # Errors
/// When the file cannot be read or has no rows. Otherwise the error names the line with the fault: a wrong number of images,
/// wrong names in the header, a row of the wrong width, a label other than -1 and 1 (or 0 and 1), an image that is listed twice
/// or lies outside the image folder, a NUL byte, or invalid UTF-8.
pub fn read_attributes(path: &Path) -> Result<AttributeList, DataError> {
    attributes_of(path, &read_text(path)?)
}

/// Reads the list of labels in `text`. `path` is the name for messages.
pub(in crate::data) fn attributes_of(path: &Path, text: &str) -> Result<AttributeList, DataError> {
    let mut list = AttributeList { path: path.to_path_buf(), images: Vec::new(), labels: Vec::new(), lines: Vec::new() };
    // The first lines with a 0 and with a -1. Both mean no, but a list with both may mean "unsure" by one of them.
    let (mut zero, mut minus) = (None, None);
    let add = |line: usize, columns: &[usize], image: &str, values: &[&str]| {
        list.images.push(image.strip_prefix("./").unwrap_or(image).to_owned());
        list.lines.push(line);
        let start = list.labels.len();
        list.labels.resize(start + columns.len(), 0);
        for (&column, value) in columns.iter().zip(values) {
            let attribute = CELEBA_ATTRIBUTES[column];
            let label = column::label(value).ok_or_else(|| {
                DataError::line(path, line, format!("{attribute} is '{value}'"), "a label must be -1 or 1, or 0 or 1")
            })?;
            match label {
                0 => zero = zero.or(Some(line)),
                -1 => minus = minus.or(Some(line)),
                _ => {}
            }
            if zero.is_some() && minus.is_some() {
                let problem = format!("{attribute} is '{value}' in a list that has both 0 and -1");
                return Err(DataError::line(path, line, problem, "a label must be -1 or 1, or 0 or 1, everywhere"));
            }
            list.labels[start + column] = u8::from(label == 1);
        }
        Ok(())
    };
    if is_kaggle(text) {
        kaggle_attributes(path, text, add)?
    } else {
        official_attributes(path, text, add)?
    }
    check_images(path, &list.images, &list.lines)?;
    Ok(list)
}

/// Reads CelebA's list of partitions. A `list_eval_partition.txt` has a name and a number in each row and no header; a
/// `list_eval_partition.csv` has the header `image_id,partition`.
///
/// # Errors
/// When the file cannot be read or has no rows. Otherwise the error names the line with the fault: a partition other than 0
/// (training), 1 (validation) and 2 (test), or one of those that [`read_attributes`] lists.
pub fn read_partition(path: &Path) -> Result<PartitionList, DataError> {
    partition_of(path, &read_text(path)?)
}

/// Reads the list of partitions in `text`. `path` is the name for messages.
pub(super) fn partition_of(path: &Path, text: &str) -> Result<PartitionList, DataError> {
    let mut list = PartitionList { path: path.to_path_buf(), images: Vec::new(), partition: Vec::new(), lines: Vec::new() };
    let mut add = |line: usize, image: &str, number: &str| {
        let partition = Partition::parse(number).ok_or_else(|| {
            let problem = format!("the partition is '{number}'");
            DataError::line(path, line, problem, "it must be 0 (training), 1 (validation) or 2 (test)")
        })?;
        list.images.push(image.strip_prefix("./").unwrap_or(image).to_owned());
        list.partition.push(partition);
        list.lines.push(line);
        Ok::<(), DataError>(())
    };
    if is_kaggle(text) {
        let mut rows = CsvRows::new(path, text)?;
        let meanings: Vec<Column> = rows.header().iter().map(|name| column::meaning(name)).collect();
        if meanings != [Column::Image, Column::Partition] {
            let problem = format!("the header is '{}'", rows.header().join(","));
            return Err(DataError::line(path, 1, problem, "it must be 'image_id,partition'"));
        }
        while let Some((line, row)) = rows.next_row()? {
            add(line, &row[0], &row[1])?;
        }
    } else {
        for (line, row) in filled_lines(text) {
            let [image, number] = row.split_whitespace().collect::<Vec<_>>()[..] else {
                let problem = format!("{} columns where 2 are expected", row.split_whitespace().count());
                return Err(DataError::line(path, line, problem, "a row must have the name of an image and its partition"));
            };
            add(line, image, number)?;
        }
    }
    check_images(path, &list.images, &list.lines)?;
    Ok(list)
}

/// Returns the partition of each image of `attributes`, in the order of that list.
///
/// # Errors
/// When one of the two lists has an image that the other does not have. An inner join would drop such rows silently, and every
/// result would change.
pub fn join_partition(attributes: &AttributeList, partition: &PartitionList) -> Result<Vec<Partition>, DataError> {
    let remedy = "the two lists must name the same images: download both from the same source";
    let mut given: HashMap<&str, (Partition, usize)> = HashMap::with_capacity(partition.images.len());
    for ((image, &value), &line) in partition.images.iter().zip(&partition.partition).zip(&partition.lines) {
        given.insert(image, (value, line));
    }
    let joined = attributes.images.iter().zip(&attributes.lines).map(|(image, &line)| {
        let found = given.remove(image.as_str()).map(|(value, _)| value);
        found.ok_or_else(|| {
            let problem = format!("{image} has labels but no row in {}", partition.path.display());
            DataError::line(&attributes.path, line, problem, remedy)
        })
    });
    let joined = joined.collect::<Result<Vec<_>, _>>()?;
    match given.iter().min_by_key(|(_, (_, line))| line) {
        None => Ok(joined),
        Some((image, (_, line))) => {
            let problem = format!("{image} has a partition but no labels in {}", attributes.path.display());
            Err(DataError::line(&partition.path, *line, problem, remedy))
        }
    }
}

/// Returns whether a list is in Kaggle's format.
fn is_kaggle(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.contains([',', ';']))
}

/// Returns the lines that are not blank, with their numbers, counted from 1.
fn filled_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, row)| !row.trim().is_empty())
}

/// Reads the rows of a list of labels in the official format, and calls `add` for each row with its line, the columns of its
/// values, the name of its image and its values.
fn official_attributes(
    path: &Path,
    text: &str,
    mut add: impl FnMut(usize, &[usize], &str, &[&str]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut lines = (1..).zip(text.lines());
    let count = lines.next().map_or("", |(_, line)| line.trim());
    let count: usize = count.parse().map_err(|_| {
        DataError::line(path, 1, format!("'{count}' where the number of images is expected"), "download the list again")
    })?;
    let names: Vec<&str> = lines.next().map_or("", |(_, line)| line).split_whitespace().collect();
    let columns = columns(path, 2, &names)?;
    let mut found = 0;
    for (line, row) in lines.filter(|(_, row)| !row.trim().is_empty()) {
        let mut fields = row.split_whitespace();
        let image = fields.next().unwrap_or_default();
        let values: Vec<&str> = fields.collect();
        if values.len() != columns.len() {
            let problem = format!("{} values where {} attributes are named", values.len(), columns.len());
            return Err(DataError::line(path, line, problem, "complete or remove the row"));
        }
        add(line, &columns, image, &values)?;
        found += 1;
    }
    if found != count {
        let problem = format!("the list announces {count} images, but {found} rows follow");
        return Err(DataError::line(path, 1, problem, "download the list again or correct the number"));
    }
    Ok(())
}

/// Does the same as [`official_attributes`] for a list in Kaggle's format.
fn kaggle_attributes(
    path: &Path,
    text: &str,
    mut add: impl FnMut(usize, &[usize], &str, &[&str]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut rows = CsvRows::new(path, text)?;
    column::require_image(path, rows.header())?;
    let columns = columns(path, 1, &rows.header()[1..])?;
    while let Some((line, row)) = rows.next_row()? {
        let values: Vec<&str> = row.iter().skip(1).collect();
        add(line, &columns, &row[0], &values)?;
    }
    Ok(())
}

/// Returns the position in [`CELEBA_ATTRIBUTES`] of each name in a list's header. Each of the 40 attributes must occur exactly
/// once.
fn columns(path: &Path, line: usize, names: &[impl AsRef<str>]) -> Result<Vec<usize>, DataError> {
    let wrong = |problem: String, remedy: &str| DataError::line(path, line, problem, remedy);
    let mut columns = Vec::with_capacity(CELEBA_ATTRIBUTES.len());
    for name in names {
        let column = attributes::resolve(&[name], &CELEBA_ATTRIBUTES)
            .map_err(|unknown| wrong(unknown.to_string(), "the header must name CelebA's 40 attributes"))?[0];
        if columns.contains(&column) {
            return Err(wrong(format!("the attribute '{}' appears twice", name.as_ref()), "keep one of the two"));
        }
        columns.push(column);
    }
    match (0..CELEBA_ATTRIBUTES.len()).find(|column| !columns.contains(column)) {
        None => Ok(columns),
        Some(column) => {
            let problem = format!("the attribute '{}' is missing from the {} named", CELEBA_ATTRIBUTES[column], names.len());
            Err(wrong(problem, "the header must name CelebA's 40 attributes"))
        }
    }
}

/// Refuses a list that has no rows, has an image twice, or names an image outside the image folder.
fn check_images(path: &Path, images: &[String], lines: &[usize]) -> Result<(), DataError> {
    if images.is_empty() {
        return Err(DataError::file(path, "the list has no rows", "download the list again"));
    }
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(images.len());
    for (image, &line) in images.iter().zip(lines) {
        if !stays_inside(image) {
            return Err(DataError::outside_folder(path, line, image));
        }
        if let Some(before) = seen.insert(image, line) {
            return Err(DataError::repeated_image(path, line, image, before));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/io/celeba").join(name)
    }

    #[test]
    fn every_error_names_the_file_the_line_and_the_fault() {
        let cases = [
            ("attr_wrong_count.txt", "line 1: the list announces 31 images, but 30 rows follow"),
            ("attr_count_not_a_number.txt", "line 1: 'thirty'"),
            ("attr_missing_column.txt", "line 8: 39 values"),
            ("attr_missing_column.csv", "line 5: 40 columns where the header has 41"),
            ("attr_extra_column.csv", "line 5: 42 columns"),
            ("attr_value_2.csv", "line 11: Bags_Under_Eyes is '2'; a label must be -1 or 1"),
            ("attr_value_2.txt", "line 12: Bags_Under_Eyes is '2'"),
            ("attr_value_0.csv", "line 4: 5_o_Clock_Shadow is '0'"),
            ("attr_text_value.csv", "line 2: Young is 'yes'"),
            ("attr_duplicate_id.csv", "line 14: 000004.jpg appears twice, first in line 5"),
            ("attr_duplicate_id.txt", "line 15: 000004.jpg appears twice, first in line 6"),
            ("attr_duplicate_column.csv", "line 1: the column '5_o_Clock_Shadow' appears twice"),
            ("attr_unknown_column.csv", "unknown attribute 'Yuong'; did you mean 'Young'?"),
            ("attr_header_only.csv", "no rows"),
            ("attr_nul_bytes.csv", "line 32: a NUL byte"),
            ("attr_not_utf8.csv", "line 6: invalid UTF-8"),
            ("attr_path_escape.csv", "line 8: the image name '../../etc/passwd' leads out"),
        ];
        for (name, expected) in cases {
            let message = read_attributes(&fixture(name)).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains(name), "{message}");
        }
    }

    #[test]
    fn every_error_about_a_partition_names_its_line() {
        let attributes = read_attributes(&fixture("list_attr_celeba.txt")).unwrap();
        let cases = [
            ("partition_missing_row.csv", "line 17: 000015.jpg has labels but no row"),
            ("partition_unknown_id.txt", "line 31: 000099.jpg has a partition but no labels"),
            ("partition_value_3.txt", "line 30: the partition is '3'"),
            ("partition_duplicate.csv", "line 32: 000001.jpg appears twice, first in line 2"),
        ];
        for (name, expected) in cases {
            let joined = read_partition(&fixture(name)).and_then(|list| join_partition(&attributes, &list));
            let message = joined.unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains(name), "{message}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in "[0-9a-z_, \t\r\n\"-]{0,200}",
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("list");
            for content in [bytes, text.into_bytes()] {
                fs::write(&path, content).unwrap();
                let _ = read_attributes(&path);
                let _ = read_partition(&path);
            }
        }

        #[test]
        fn a_damaged_list_never_panics(at in 0usize..4398, byte: u8) {
            let mut content = fs::read(fixture("list_attr_celeba.txt")).unwrap();
            content[at] = byte;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("list");
            fs::write(&path, content).unwrap();
            let _ = read_attributes(&path);
        }
    }
}

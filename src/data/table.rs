//! Attributes by image, as CSV: column `image`, then one column an attribute.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use super::atomic::write_atomically;
use super::attributes::CELEBA_ATTRIBUTES;
use super::celeba::{AttributeList, attributes_of};
use super::error::DataError;
use super::text::{CsvRows, read_text};

/// A value for every attribute of every image: probabilities, or 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeTable {
    /// The images' names, each once.
    pub images: Vec<String>,
    /// The attributes' names, each once.
    pub attributes: Vec<String>,
    /// Finite values, `[images × attributes]` row-major.
    pub values: Vec<f32>,
}

impl AttributeTable {
    /// The values of image `index`, one for each of `attributes`.
    ///
    /// # Panics
    /// If `index` is not below the number of images.
    pub fn row(&self, index: usize) -> &[f32] {
        let width = self.attributes.len();
        &self.values[index * width..(index + 1) * width]
    }

    /// The same table with every value rounded to an integer, half to even, as the paper's script does: 0.5 becomes 0.
    pub fn rounded(&self) -> Self {
        // Adding zero turns -0 into 0, which prints without a sign.
        Self { values: self.values.iter().map(|value| value.round_ties_even() + 0.0).collect(), ..self.clone() }
    }

    /// Writes the table as CSV, quoted as RFC 4180 asks; every number with the digits it takes to read the same `f32` back.
    ///
    /// # Errors
    /// [`DataError::Table`] if [`read`](Self::read) would refuse the result; [`DataError::Write`], naming `path`, if
    /// `writer` fails.
    pub fn write_to(&self, writer: impl Write, path: &Path) -> Result<(), DataError> {
        self.check().map_err(DataError::Table)?;
        self.write_rows(writer).map_err(|source| DataError::Write {
            path: path.to_path_buf(),
            source,
            remedy: "the table is not complete",
        })
    }

    /// Writes the table to a file that is either whole or absent, as [`write_to`](Self::write_to).
    ///
    /// # Errors
    /// [`DataError::Table`] or [`DataError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), DataError> {
        self.check().map_err(DataError::Table)?;
        write_atomically(path, |writer| self.write_rows(writer))
    }

    /// Reads a table back, or takes CelebA's own `list_attr_celeba` for one, as [`read_attributes`](super::celeba::read_attributes) reads it: a file
    /// that begins with a number, or whose first column is `image_id`.
    ///
    /// # Errors
    /// Names the line of whatever is wrong: a column or an image twice, a row as wide as no other, a value that is not a
    /// finite number; and refuses a table without rows or attributes.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = read_text(path)?;
        if is_celeba(&text) {
            return attributes_of(path, &text).map(Self::from);
        }
        let mut rows = CsvRows::new(path, &text)?;
        let attributes = match rows.header() {
            [first, attributes @ ..] if first == "image" => attributes.to_vec(),
            header => {
                let problem = format!("the first column is '{}'", header.first().map_or("", String::as_str));
                return Err(DataError::line(path, 1, problem, "it must be 'image'"));
            }
        };
        if attributes.is_empty() {
            return Err(DataError::line(path, 1, "no column names an attribute", "add a column for each attribute"));
        }
        let mut table = Self { images: Vec::new(), attributes, values: Vec::new() };
        let mut seen = HashSet::new();
        while let Some((line, row)) = rows.next_row()? {
            let image = row[0].to_owned();
            if image.is_empty() {
                return Err(DataError::line(path, line, "the image has no name", "name it or remove the row"));
            }
            if !seen.insert(image.clone()) {
                return Err(DataError::line(path, line, format!("{image} appears twice"), "keep one of the two rows"));
            }
            for (attribute, text) in table.attributes.iter().zip(row.iter().skip(1)) {
                let value = text.trim().parse().ok().filter(|value: &f32| value.is_finite());
                table.values.push(value.ok_or_else(|| {
                    DataError::line(path, line, format!("{attribute} of {image} is '{text}'"), "it must be a finite number")
                })?);
            }
            table.images.push(image);
        }
        if table.images.is_empty() {
            return Err(DataError::file(path, "the table has no rows", "it needs a row for each image"));
        }
        Ok(table)
    }

    /// What would keep the table from being read back.
    fn check(&self) -> Result<(), String> {
        let (rows, columns, values) = (self.images.len(), self.attributes.len(), self.values.len());
        if rows == 0 || columns == 0 {
            return Err(format!("it has {rows} images and {columns} attributes"));
        }
        if values != rows * columns {
            return Err(format!("{values} values for {rows} images of {columns} attributes"));
        }
        let header = ["image".to_owned()];
        unique(&self.images).and_then(|()| unique(header.iter().chain(&self.attributes)))?;
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (image, attribute) = (&self.images[at / columns], &self.attributes[at % columns]);
                Err(format!("{attribute} of {image} is {}, not a finite number", self.values[at]))
            }
        }
    }

    fn write_rows(&self, writer: impl Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_field("image")?;
        csv.write_record(&self.attributes)?;
        for (index, image) in self.images.iter().enumerate() {
            csv.write_field(image)?;
            csv.write_record(self.row(index).iter().copied().map(number))?;
        }
        csv.flush()
    }
}

impl From<AttributeList> for AttributeTable {
    fn from(list: AttributeList) -> Self {
        let values = list.labels.iter().map(|label| f32::from(*label)).collect();
        Self { images: list.images, attributes: CELEBA_ATTRIBUTES.map(String::from).to_vec(), values }
    }
}

/// Whether a text is one of CelebA's lists: the official one begins with the number of images, Kaggle's with `image_id`.
fn is_celeba(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default().trim();
    let number = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    number || first.split(',').next().is_some_and(|name| name.trim_matches('"') == "image_id")
}

fn unique<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() || name.contains('\0') {
            return Err(format!("'{}' cannot be a name", name.escape_debug()));
        }
        if !seen.insert(name) {
            return Err(format!("'{name}' appears twice"));
        }
    }
    Ok(())
}

/// The shortest text that reads back as the same `f32`; very small numbers by their exponent.
fn number(value: f32) -> String {
    if value != 0.0 && value.abs() < 1e-4 { format!("{value:e}") } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn table(images: &[&str], attributes: &[&str], values: &[f32]) -> AttributeTable {
        let owned = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        AttributeTable { images: owned(images), attributes: owned(attributes), values: values.to_vec() }
    }

    #[test]
    fn prints_plain_numbers_and_quotes_what_needs_it() {
        let table = table(&["a.jpg", "b, \"c\"\n<d>.jpg"], &["Bald", "Young"], &[0.5, 1.0, 1e-7, 0.1]);
        let mut bytes = Vec::new();
        table.write_to(&mut bytes, Path::new("stdout")).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "image,Bald,Young\na.jpg,0.5,1\n\"b, \"\"c\"\"\n<d>.jpg\",1e-7,0.1\n");
    }

    #[test]
    fn rounds_half_to_even() {
        let rounded = table(&["a"], &["p", "q", "r", "s"], &[0.5, 0.500_000_06, 0.499, 1.0]).rounded();
        assert_eq!(rounded.values, [0.0, 1.0, 0.0, 1.0]);
        let negative = table(&["a"], &["p"], &[-0.25]).rounded();
        assert_eq!(negative.values[0].to_bits(), 0);
    }

    #[test]
    fn takes_celebas_own_lists_for_tables() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/io/celeba");
        let official = AttributeTable::read(&folder.join("list_attr_celeba.txt")).unwrap();
        let list = crate::data::celeba::read_attributes(&folder.join("list_attr_celeba.txt")).unwrap();
        assert_eq!((&official.images, official.attributes.as_slice()), (&list.images, &CELEBA_ATTRIBUTES.map(String::from)[..]));
        assert!(official.values.iter().zip(&list.labels).all(|(value, label)| *value == f32::from(*label)));
        assert!(official.values.contains(&0.0) && official.values.contains(&1.0));
        assert_eq!(AttributeTable::read(&folder.join("list_attr_celeba.csv")).unwrap(), official);
        for (name, expected) in [("attr_value_2.txt", "line 12: Bags_Under_Eyes is '2'"), ("attr_value_0.csv", "line 4:")] {
            let message = AttributeTable::read(&folder.join(name)).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains(name), "{message}");
        }
    }

    #[test]
    fn refuses_a_bad_file_and_names_the_line() {
        let cases = [
            ("", "empty"),
            ("image,Bald\n", "no rows"),
            ("image\na.jpg\n", "line 1: no column names an attribute"),
            ("file,Bald\na.jpg,1\n", "line 1: the first column is 'file'"),
            ("image,Bald,Bald\na.jpg,1,1\n", "line 1: the column 'Bald' appears twice"),
            ("image,Bald\na.jpg,1\na.jpg,0\n", "line 3: a.jpg appears twice"),
            ("image,Bald\n,1\n", "line 2: the image has no name"),
            ("image,Bald\na.jpg,1\nb.jpg\n", "line 3: 1 columns where the header has 2"),
            ("image,Bald\na.jpg,yes\n", "line 2: Bald of a.jpg is 'yes'"),
            ("image,Bald\na.jpg,\n", "line 2: Bald of a.jpg is ''"),
            ("image,Bald\na.jpg,NaN\n", "line 2: Bald of a.jpg is 'NaN'"),
            ("image,Bald\na.jpg,inf\n", "line 2: Bald of a.jpg is 'inf'"),
            ("image,Bald\na.jpg,1e39\n", "line 2: Bald of a.jpg is '1e39'"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attributes.csv");
        for (text, expected) in cases {
            fs::write(&path, text).unwrap();
            let message = AttributeTable::read(&path).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("attributes.csv"), "{message}");
        }
    }

    #[test]
    fn writes_nothing_that_could_not_be_read_back() {
        let cases = [
            (table(&[], &["p"], &[]), "0 images"),
            (table(&["a"], &[], &[]), "0 attributes"),
            (table(&["a", "b"], &["p"], &[0.0]), "1 values for 2 images"),
            (table(&["a", "a"], &["p"], &[0.0, 1.0]), "'a' appears twice"),
            (table(&["a"], &["image"], &[0.0]), "'image' appears twice"),
            (table(&["a\0"], &["p"], &[0.0]), "cannot be a name"),
            (table(&["a"], &["p"], &[f32::NAN]), "p of a is NaN"),
        ];
        let folder = tempfile::tempdir().unwrap();
        for (table, expected) in cases {
            let message = table.write(&folder.path().join("attributes.csv")).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(
            images in proptest::collection::hash_set("[^\0]{1,12}", 1..6),
            attributes in proptest::collection::hash_set("[^\0]{1,8}", 1..5),
            bits in proptest::collection::vec(any::<u32>(), 20),
        ) {
            prop_assume!(!attributes.contains("image"));
            let values = bits.into_iter().map(f32::from_bits).map(|value| if value.is_finite() { value } else { 0.25 });
            let values = values.take(images.len() * attributes.len()).collect();
            let (images, attributes) = (images.into_iter().collect(), attributes.into_iter().collect());
            let table = AttributeTable { images, attributes, values };
            prop_assume!(table.values.len() == table.images.len() * table.attributes.len());
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("attributes.csv");
            table.write(&path).unwrap();
            let read = AttributeTable::read(&path).unwrap();
            let bits = |table: &AttributeTable| table.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&read), bits(&table));
            prop_assert_eq!((read.images, read.attributes), (table.images, table.attributes));
        }

        #[test]
        fn arbitrary_text_never_panics(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            text in "[imagexyz0-9,.\"\r\n-]{0,200}",
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("attributes.csv");
            for content in [bytes, text.clone().into_bytes(), format!("image,x\n{text}").into_bytes()] {
                fs::write(&path, content).unwrap();
                let _ = AttributeTable::read(&path);
            }
        }
    }
}

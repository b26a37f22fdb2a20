//! Attribute tables: a CSV file with a column `image` and a column for each attribute. A table of faces in photographs also has
//! the columns `face`, `box` and `score`, and may have `landmarks` and `aligned`.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::atomic::write_atomically;
use super::attributes::CELEBA_ATTRIBUTES;
use super::celeba::{AttributeList, attributes_of};
use super::column;
use super::error::DataError;
use super::face_mark::{self, FaceMark};
use super::text::{CsvRows, read_text};
use crate::plan::hexadecimal;

/// A table with a value for every attribute of every image. The values are probabilities, or 0 and 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttributeTable {
    /// The names of the images, as [`image_name`](super::image_name()) writes them. No name occurs twice, unless `faces` tells
    /// the rows apart.
    pub images: Vec<String>,
    /// The names of the attributes. No name occurs twice.
    pub attributes: Vec<String>,
    /// The values, all of them finite; shape `[images, attributes]`, row-major.
    pub values: Vec<f32>,
    /// The face of each row, if the rows are faces that were found in photographs; otherwise empty.
    pub faces: Vec<FaceMark>,
}

impl AttributeTable {
    /// Returns the values of the image at `index`, one for each of `attributes`.
    ///
    /// # Panics
    /// If `index` is not below the number of images.
    pub fn row(&self, index: usize) -> &[f32] {
        let width = self.attributes.len();
        &self.values[index * width..(index + 1) * width]
    }

    /// Returns a hash of names and values, in hexadecimal. Results name the table that they were made from by it.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for name in self.names().iter().chain(&self.attributes) {
            // Each name is hashed with its length, so that different tables never give the same bytes.
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
        }
        self.values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        hexadecimal(hash.finalize())
    }

    /// Returns a name for each row that no other row has: that of the image, followed by `#` and the number of the face if the
    /// rows are faces in photographs.
    pub fn names(&self) -> Vec<String> {
        let marks = self.faces.iter().map(Some).chain(std::iter::repeat(None));
        let named = |(image, mark): (&String, Option<&FaceMark>)| match mark {
            Some(mark) => format!("{image}#{}", mark.face),
            None => image.clone(),
        };
        self.images.iter().zip(marks).map(named).collect()
    }

    /// Returns this table with every value rounded to an integer. A half is rounded to the even neighbour, so that 0.5 becomes 0,
    /// as in the paper's script.
    pub fn rounded(&self) -> Self {
        // Adding zero turns -0 into 0, which is written without a sign.
        Self { values: self.values.iter().map(|value| value.round_ties_even() + 0.0).collect(), ..self.clone() }
    }

    /// Writes the table as CSV, quoted as in RFC 4180. Every number has enough digits to be read back as the same `f32`.
    /// `path` is the name of the output for messages.
    ///
    /// # Errors
    /// [`DataError::Table`] if [`read`](Self::read) would refuse the result. [`DataError::Write`] if `writer` fails.
    pub fn write_to(&self, writer: impl Write, path: &Path) -> Result<(), DataError> {
        self.check().map_err(DataError::Table)?;
        self.write_rows(writer).map_err(|source| DataError::Write {
            path: path.to_path_buf(),
            source,
            remedy: "the table is incomplete",
        })
    }

    /// Writes the table to the file `path` in the form that [`write_to`](Self::write_to) gives it. If this fails, the old file is
    /// left as it was.
    ///
    /// # Errors
    /// [`DataError::Table`] if [`read`](Self::read) would refuse the result. [`DataError::Write`] if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DataError> {
        self.check().map_err(DataError::Table)?;
        write_atomically(path, |writer| self.write_rows(writer))
    }

    /// Reads a table that was written by [`write`](Self::write), or CelebA's list of labels. A file is taken for such a list
    /// if it begins with a number or if its first column is `image_id`, and it is read by
    /// [`read_attributes`](super::celeba::read_attributes).
    ///
    /// # Errors
    /// When the file cannot be read or has no rows or no attributes. Otherwise the error names the line with the fault: a column
    /// or an image that occurs twice, a row of the wrong width, or a value that is not a finite number.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = read_text(path)?;
        if is_celeba(&text) {
            return attributes_of(path, &text).map(Self::from);
        }
        let mut rows = CsvRows::new(path, &text)?;
        column::require_image(path, rows.header())?;
        let columns = &rows.header()[1..];
        let marks = mark_columns(columns);
        let (marks, attributes) = (columns[..marks].to_vec(), columns[marks..].to_vec());
        if attributes.is_empty() {
            return Err(DataError::no_attribute(path));
        }
        let mut table = Self { attributes, ..Self::default() };
        let mut seen = std::collections::HashMap::new();
        while let Some((line, row)) = rows.next_row()? {
            let image = row[0].to_owned();
            if image.is_empty() {
                return Err(DataError::line(path, line, "the image has no name", "name it or remove the row"));
            }
            let mut face = None;
            if !marks.is_empty() {
                let fields = marks.iter().map(String::as_str).zip(row.iter().skip(1));
                let mark = FaceMark::parse(fields).map_err(|problem| {
                    DataError::line(path, line, problem, "correct it, or write the table again with `lineament predict --faces`")
                })?;
                face = Some(mark.face);
                table.faces.push(mark);
            }
            if let Some(before) = seen.insert((image.clone(), face), line) {
                let name = face.map_or(image.clone(), |face| format!("face {face} of {image}"));
                return Err(DataError::repeated_image(path, line, &name, before));
            }
            for (attribute, text) in table.attributes.iter().zip(row.iter().skip(1 + marks.len())) {
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

    /// Checks that the table could be read back.
    ///
    /// # Errors
    /// A sentence that says why it could not be.
    fn check(&self) -> Result<(), String> {
        let (rows, columns, values) = (self.images.len(), self.attributes.len(), self.values.len());
        if rows == 0 || columns == 0 {
            return Err(format!("it has {rows} images and {columns} attributes"));
        }
        if values != rows * columns {
            return Err(format!("{values} values for {rows} images of {columns} attributes"));
        }
        if !self.faces.is_empty() && self.faces.len() != rows {
            return Err(format!("{} faces for {rows} rows", self.faces.len()));
        }
        let columns_of = |mark: &FaceMark| (mark.landmarks.is_some(), mark.aligned.is_some());
        if self.faces.windows(2).any(|pair| columns_of(&pair[0]) != columns_of(&pair[1])) {
            return Err("some of its faces have landmarks or aligned pictures and others have none".to_owned());
        }
        let header: Vec<String> = std::iter::once("image".to_owned()).chain(self.mark_names().map(String::from)).collect();
        unique(&self.names()).and_then(|()| unique(header.iter().chain(&self.attributes)))?;
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (image, attribute) = (&self.images[at / columns], &self.attributes[at % columns]);
                Err(format!("{attribute} of {image} is {}, not a finite number", self.values[at]))
            }
        }
    }

    /// Returns the names of the columns that say where the faces lie.
    fn mark_names(&self) -> impl Iterator<Item = &'static str> {
        self.faces.first().map(FaceMark::fields).unwrap_or_default().into_iter().map(|(name, _)| name)
    }

    /// Writes the header and the rows without checking them.
    fn write_rows(&self, writer: impl Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_field("image")?;
        for name in self.mark_names() {
            csv.write_field(name)?;
        }
        csv.write_record(&self.attributes)?;
        for (index, image) in self.images.iter().enumerate() {
            csv.write_field(image)?;
            for (_, field) in self.faces.get(index).iter().flat_map(|mark| mark.fields()) {
                csv.write_field(field)?;
            }
            csv.write_record(self.row(index).iter().copied().map(number))?;
        }
        csv.flush()
    }
}

impl From<AttributeList> for AttributeTable {
    fn from(list: AttributeList) -> Self {
        let values = list.labels.iter().map(|label| f32::from(*label)).collect();
        Self { images: list.images, attributes: CELEBA_ATTRIBUTES.map(String::from).to_vec(), values, faces: Vec::new() }
    }
}

/// Returns how many of the columns after the image's name say where a face lies. A table without all of the first three says
/// nothing of faces, and its columns are attributes.
fn mark_columns(columns: &[String]) -> usize {
    if columns.len() < face_mark::COLUMNS.len() || columns.iter().zip(face_mark::COLUMNS).any(|(found, name)| found != name) {
        return 0;
    }
    let optional = |count: usize, name: &&str| count + usize::from(columns.get(count).is_some_and(|found| found == name));
    face_mark::OPTIONAL_COLUMNS.iter().fold(face_mark::COLUMNS.len(), optional)
}

/// Returns whether a text is one of CelebA's lists of labels. The official list begins with the number of images, Kaggle's with
/// `image_id` and the 40 attributes.
fn is_celeba(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default().trim();
    let number = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    let mut names = first.split(',').map(|name| name.trim_matches(['"', ' ']));
    let kaggle = || names.next() == Some("image_id") && names.filter(|name| CELEBA_ATTRIBUTES.contains(name)).count() > 1;
    number || kaggle()
}

/// Checks that the names of images or attributes differ, are not empty and have no NUL character.
fn unique<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        // A reader removes blanks around a name.
        if name.trim().len() != name.len() || name.is_empty() || name.contains('\0') {
            return Err(format!("'{}' cannot be a name", name.escape_debug()));
        }
        if !seen.insert(name) {
            return Err(format!("'{name}' appears twice"));
        }
    }
    Ok(())
}

/// Returns the shortest text that is read back as the same `f32`. Very small numbers are written with an exponent.
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
        AttributeTable { images: owned(images), attributes: owned(attributes), values: values.to_vec(), faces: Vec::new() }
    }

    #[test]
    fn writes_plain_numbers_and_quotes_names_where_necessary() {
        let table = table(&["a.jpg", "b, \"c\"\n<d>.jpg"], &["Bald", "Young"], &[0.5, 1.0, 1e-7, 0.1]);
        let mut bytes = Vec::new();
        table.write_to(&mut bytes, Path::new("stdout")).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "image,Bald,Young\na.jpg,0.5,1\n\"b, \"\"c\"\"\n<d>.jpg\",1e-7,0.1\n");
    }

    #[test]
    fn faces_of_one_photograph_are_rows_of_their_own() {
        let mark = |face| FaceMark {
            face,
            bounds: [1.5, -2.25, 30.0, 40.126],
            score: 0.91,
            landmarks: Some([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.5]]),
            aligned: None,
        };
        let table = AttributeTable {
            faces: vec![mark(0), mark(1), mark(0)],
            ..table(&["a.jpg", "a.jpg", "b.jpg"], &["Bald"], &[0.5, 1.0, 0.25])
        };
        assert_eq!(table.names(), ["a.jpg#0", "a.jpg#1", "b.jpg#0"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attributes.csv");
        table.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("image,face,box,score,landmarks,Bald\na.jpg,0,1.50 -2.25 30.00 40.13,0.9100,1.00 2.00 3.00"),
            "{text}"
        );
        let read = AttributeTable::read(&path).unwrap();
        assert_eq!((&read.images, &read.attributes, &read.values), (&table.images, &table.attributes, &table.values));
        assert_eq!(read.faces[1], FaceMark { bounds: [1.5, -2.25, 30.0, 40.13], ..mark(1) });
        let cases = [
            ("a.jpg,0,1 2 3 4,1,0\na.jpg,0,1 2 3 4,1,0\n", "line 3: face 0 of a.jpg appears twice, first in line 2"),
            ("a.jpg,x,1 2 3 4,1,0\n", "line 2: face is 'x'"),
            ("a.jpg,0,1 2 3,1,0\n", "line 2: box is '1 2 3' where 4 finite numbers"),
            ("a.jpg,0,1 2 3 4,inf,0\n", "line 2: score is 'inf'"),
        ];
        for (rows, expected) in cases {
            fs::write(&path, format!("image,face,box,score,Bald\n{rows}")).unwrap();
            let message = AttributeTable::read(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        // Without a box, `face` is an attribute.
        fs::write(&path, "image,face,Bald\na.jpg,1,0\n").unwrap();
        assert_eq!(AttributeTable::read(&path).unwrap().attributes, ["face", "Bald"]);
    }

    #[test]
    fn rounds_half_to_even() {
        let rounded = table(&["a"], &["p", "q", "r", "s"], &[0.5, 0.500_000_06, 0.499, 1.0]).rounded();
        assert_eq!(rounded.values, [0.0, 1.0, 0.0, 1.0]);
        let negative = table(&["a"], &["p"], &[-0.25]).rounded();
        assert_eq!(negative.values[0].to_bits(), 0);
    }

    #[test]
    fn reads_celebas_lists_as_tables() {
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
            ("picture,Bald\na.jpg,1\n", "line 1: the first column is 'picture'"),
            ("image,Bald,Bald\na.jpg,1,1\n", "line 1: the column 'Bald' appears twice"),
            ("image,Bald\na.jpg,1\na.jpg,0\n", "line 3: a.jpg appears twice, first in line 2"),
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
    fn refuses_to_write_a_table_that_could_not_be_read_back() {
        let cases = [
            (table(&[], &["p"], &[]), "0 images"),
            (table(&["a"], &[], &[]), "0 attributes"),
            (table(&["a", "b"], &["p"], &[0.0]), "1 values for 2 images"),
            (table(&["a", "a"], &["p"], &[0.0, 1.0]), "'a' appears twice"),
            (table(&["a"], &["image"], &[0.0]), "'image' appears twice"),
            (table(&["a\0"], &["p"], &[0.0]), "cannot be a name"),
            (table(&["a "], &["p"], &[0.0]), "'a ' cannot be a name"),
            (table(&["a"], &["\u{a0}p"], &[0.0]), "cannot be a name"),
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
            prop_assume!(images.iter().chain(&attributes).all(|name: &String| name.trim().len() == name.len()));
            let values = bits.into_iter().map(f32::from_bits).map(|value| if value.is_finite() { value } else { 0.25 });
            let values = values.take(images.len() * attributes.len()).collect();
            let (images, attributes) = (images.into_iter().collect(), attributes.into_iter().collect());
            let table = AttributeTable { images, attributes, values, faces: Vec::new() };
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

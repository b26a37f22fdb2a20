//! Reads the text of a list and its rows of comma-separated values. Every error about a row names its line. All CSV files that
//! users provide are read here, so that the errors have the same words everywhere.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use csv::StringRecord;
use serde::de::DeserializeOwned;

use super::archive::ArchiveMember;
use super::error::DataError;
use super::source::open_file;

/// The largest size of a list in bytes, more than ten times that of CelebA's longest list.
const LARGEST_LIST: u64 = 1 << 30;

/// Reads the text of a list, which is UTF-8, or UTF-16 if it begins with the byte order mark of UTF-16. The mark is removed.
///
/// # Errors
/// When the file cannot be read, is empty or longer than 1 GiB, contains a NUL byte or is not UTF-8. The last two errors name
/// the line.
pub(crate) fn read_text(path: &Path) -> Result<String, DataError> {
    let read = |source: io::Error| DataError::read(path, source);
    let mut bytes = Vec::new();
    let file = open_file(path).map_err(read)?;
    file.take(LARGEST_LIST + 1).read_to_end(&mut bytes).map_err(read)?;
    text_of(path, bytes)
}

/// Reads the text of a list that is a member of a zip archive.
///
/// # Errors
/// The same as those of [`read_text`], and an error when the member is damaged.
pub(super) fn read_member_text(member: &ArchiveMember) -> Result<String, DataError> {
    member.check()?;
    let path = member.label();
    let bytes = member.read(LARGEST_LIST + 1).map_err(|damaged| {
        DataError::file(&path, format!("cannot be extracted from its zip archive: {damaged}"), "download the archive again")
    })?;
    text_of(&path, bytes)
}

/// Checks the bytes of a list and returns them as text. `path` is the name for messages.
fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, DataError> {
    if bytes.len() as u64 > LARGEST_LIST {
        return Err(DataError::file(path, "the file is larger than 1 GiB", "check that this is the right file"));
    }
    let bytes = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => from_utf16(path, rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => from_utf16(path, rest, u16::from_be_bytes)?,
        _ => bytes,
    };
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        let problem = format!("a NUL byte at byte {at}");
        return Err(DataError::line(path, line_of(&bytes, at), problem, "the file is damaged: download or export it again"));
    }
    let text = String::from_utf8(bytes).map_err(|invalid| {
        let at = invalid.utf8_error().valid_up_to();
        let line = line_of(invalid.as_bytes(), at);
        DataError::line(path, line, format!("invalid UTF-8 at byte {at}"), "save the file as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    if text.trim().is_empty() {
        return Err(DataError::file(path, "the file is empty", "download or export it again"));
    }
    Ok(text)
}

/// Converts UTF-16, without its byte order mark, to UTF-8. Spreadsheets save it as "Unicode text".
fn from_utf16(path: &Path, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Vec<u8>, DataError> {
    let (units, rest) = bytes.as_chunks::<2>();
    let text = String::from_utf16(&units.iter().map(|pair| unit(*pair)).collect::<Vec<u16>>());
    match text {
        Ok(text) if rest.is_empty() => Ok(text.into_bytes()),
        _ => Err(DataError::file(path, "the file begins like UTF-16, but is no valid UTF-16", "save the file as UTF-8")),
    }
}

/// Returns the number, counted from 1, of the line that contains byte `at`.
fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + newlines(&bytes[..at])
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// The records of a CSV text with their lines. Fields are quoted as in RFC 4180, and lines end in LF or CRLF. Blank lines are
/// skipped, and blanks around a field are not part of it. Fields are separated by commas, or by semicolons or tabs if the first
/// line has these and no comma, as spreadsheets write in some countries.
pub(crate) struct CsvRecords<'a> {
    path: &'a Path,
    text: &'a str,
    reader: csv::Reader<&'a [u8]>,
    record: StringRecord,
    /// The byte up to which the lines have been counted.
    counted_to: usize,
    /// The line that contains this byte, counted from 1.
    line: usize,
}

impl<'a> CsvRecords<'a> {
    /// Reads the records of `text`. `path` is the name for messages.
    pub(crate) fn new(path: &'a Path, text: &'a str) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .delimiter(delimiter(text))
            .from_reader(text.as_bytes());
        Self { path, text, reader, record: StringRecord::new(), counted_to: 0, line: 1 }
    }

    /// Returns the next record and the number of its first line, or `None` after the last record.
    ///
    /// # Errors
    /// When the text is not CSV.
    pub(crate) fn next_record(&mut self) -> Result<Option<(usize, &StringRecord)>, DataError> {
        let more = self
            .reader
            .read_record(&mut self.record)
            .map_err(|refused| DataError::line(self.path, self.line, refused.to_string(), "correct the line"))?;
        if !more {
            return Ok(None);
        }
        // The reader reports the position where the row before ended. Blank lines, and the LF of a CRLF, may lie between that
        // position and the row.
        if let Some(start) = self.record.position() {
            let bytes = self.text.as_bytes();
            let blank = bytes[start.byte() as usize..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let start = start.byte() as usize + blank;
            self.line += newlines(&bytes[self.counted_to..start]);
            self.counted_to = start;
        }
        Ok(Some((self.line, &self.record)))
    }
}

/// Returns the character that separates the fields of a CSV text.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let found = [b',', b';', b'\t'].into_iter().find(|separator| first.as_bytes().contains(separator));
    found.unwrap_or(b',')
}

/// The names that pandas gives to a column of row numbers.
const INDEX_COLUMNS: [&str; 2] = ["", "Unnamed: 0"];

/// The rows of a CSV text that begins with a header. Every row must have as many columns as the header. A first column of row
/// numbers, as pandas writes it, is left out.
pub(crate) struct CsvRows<'a> {
    records: CsvRecords<'a>,
    header: Vec<String>,
    has_index: bool,
    /// The last row, if it differs from the record.
    row: StringRecord,
}

impl<'a> CsvRows<'a> {
    /// Reads the header of `text`. `path` is the name for messages.
    ///
    /// # Errors
    /// When a column has no name, or two columns have the same name.
    pub(crate) fn new(path: &'a Path, text: &'a str) -> Result<Self, DataError> {
        let mut records = CsvRecords::new(path, text);
        let (line, mut header): (usize, Vec<String>) = match records.next_record()? {
            Some((line, record)) => (line, record.iter().map(str::to_owned).collect()),
            None => (1, Vec::new()),
        };
        let has_index = header.len() > 1 && INDEX_COLUMNS.contains(&header[0].as_str());
        if has_index {
            header.remove(0);
        }
        let mut seen = HashSet::new();
        for (index, name) in header.iter().enumerate() {
            if name.is_empty() {
                let problem = format!("column {} of the header has no name", index + 1);
                return Err(DataError::line(path, line, problem, "name every column, and remove commas at the ends of lines"));
            }
            if !seen.insert(name.as_str()) {
                let problem = format!("the column '{name}' appears twice in the header");
                return Err(DataError::line(path, line, problem, "keep one of the two"));
            }
        }
        Ok(Self { records, header, has_index, row: StringRecord::new() })
    }

    /// Returns the names of the columns.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// Returns the next row and the number of its first line, or `None` after the last row.
    ///
    /// # Errors
    /// When the row has more or fewer columns than the header.
    pub(crate) fn next_row(&mut self) -> Result<Option<(usize, &StringRecord)>, DataError> {
        let path = self.records.path;
        let Some((line, record)) = self.records.next_record()? else { return Ok(None) };
        let (found, expected) = (record.len(), self.header.len() + usize::from(self.has_index));
        if found != expected {
            let problem = format!("{found} columns where the header has {expected}");
            return Err(DataError::line(path, line, problem, "complete or remove the row"));
        }
        if !self.has_index {
            return Ok(Some((line, record)));
        }
        self.row = record.iter().skip(1).collect();
        Ok(Some((line, &self.row)))
    }

    /// Reads all remaining rows as values of a type whose fields have the names of columns. Other columns are ignored.
    ///
    /// # Errors
    /// When a column is missing, a value has the wrong type, or a row has more or fewer columns than the header.
    pub(crate) fn deserialize<T: DeserializeOwned>(mut self) -> Result<Vec<T>, DataError> {
        let header = StringRecord::from(self.header.as_slice());
        let path = self.records.path;
        let mut values = Vec::new();
        while let Some((line, row)) = self.next_row()? {
            let value = row.deserialize(Some(&header)).map_err(|refused| {
                let problem = match refused.kind() {
                    csv::ErrorKind::Deserialize { err, .. } => {
                        let column = err.field().and_then(|field| header.get(field as usize));
                        column.map_or(String::new(), |name| format!("{name}: ")) + &err.kind().to_string()
                    }
                    _ => refused.to_string(),
                };
                DataError::line(path, line, problem, "correct the row or the header")
            })?;
            values.push(value);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        std::fs::write(&path, bytes).unwrap();
        read_text(&path)
    }

    #[test]
    fn refuses_files_that_are_not_text_and_names_the_line() {
        let cases: [(&[u8], &str); 5] = [
            (b"", "empty"),
            (b" \n\r\n", "empty"),
            (b"\xef\xbb\xbf", "empty"),
            (b"a\nb\nc\0d\n", "line 3: a NUL byte at byte 5"),
            (b"a\nb\xffc\n", "line 2: invalid UTF-8 at byte 3"),
        ];
        for (bytes, expected) in cases {
            let message = read(bytes).unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("list.csv"), "{message}");
        }
        assert_eq!(read(b"\xef\xbb\xbfimage\n").unwrap(), "image\n");
    }

    #[test]
    fn separators_blanks_and_row_numbers_do_not_change_the_rows() {
        for text in [
            "image,a\nx y,1\n",
            " image , a \n x y ,\" 1 \"\n",
            "image;a\nx y;1\n",
            "image\ta\nx y\t1\n",
            ",image,a\n0,x y,1\n",
            "Unnamed: 0,image,a\n0,x y,1\n",
        ] {
            let mut rows = CsvRows::new(Path::new("list.csv"), text).unwrap();
            assert_eq!(rows.header(), ["image", "a"], "{text:?}");
            let (line, row) = rows.next_row().unwrap().unwrap();
            assert_eq!((line, row), (2, &StringRecord::from(vec!["x y", "1"])), "{text:?}");
            assert!(rows.next_row().unwrap().is_none());
        }
    }

    #[test]
    fn utf_16_is_read() {
        let units: Vec<u16> = "image,é\n".encode_utf16().collect();
        let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(units.iter().flat_map(|unit| unit.to_le_bytes())).collect();
        let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(units.iter().flat_map(|unit| unit.to_be_bytes())).collect();
        for bytes in [&little, &big] {
            assert_eq!(read(bytes).unwrap(), "image,é\n");
        }
        assert!(read(&little[..little.len() - 1]).unwrap_err().to_string().contains("no valid UTF-16"));
    }

    #[test]
    fn counts_lines_across_blank_lines_quotes_and_both_line_ends() {
        let path = Path::new("list.csv");
        for end in ["\n", "\r\n"] {
            let text = ["image,a", "x,1", "", "\"two", "lines\",2", "z,3"].join(end);
            let mut rows = CsvRows::new(path, &text).unwrap();
            assert_eq!(rows.header(), ["image", "a"]);
            let mut lines = Vec::new();
            while let Some((line, row)) = rows.next_row().unwrap() {
                lines.push((line, row[1].to_owned()));
            }
            assert_eq!(lines, [(2, "1".to_owned()), (4, "2".to_owned()), (6, "3".to_owned())]);
        }
    }

    #[test]
    fn rows_are_read_as_values_and_errors_name_the_line_after_blank_lines() {
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct Pair {
            a: u32,
            b: f32,
        }
        let path = Path::new("list.csv");
        let read = |text: &str| CsvRows::new(path, text).and_then(CsvRows::deserialize::<Pair>);
        assert_eq!(read("b,other,a\n0.5,x,1\n").unwrap(), [Pair { a: 1, b: 0.5 }]);
        assert!(read("a,b\n").unwrap().is_empty());
        for (text, expected) in [
            ("a,b\n1,2\n\n\nx,2\n", "list.csv, line 5: a: invalid digit"),
            ("a,c\n1,2\n", "line 2: missing field `b`"),
            ("a,b\n1\n", "line 2: 1 columns where the header has 2"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn refuses_ragged_rows_and_bad_headers() {
        let cases = [
            ("image,a\nx,1\ny\n", "line 3: 1 columns where the header has 2"),
            ("image,a\r\nx,1,2\r\n", "line 2: 3 columns where the header has 2"),
            ("image,a,a\nx,1,1\n", "'a' appears twice"),
            ("image,,b\nx,1,1\n", "column 2 of the header has no name"),
            (",image,a\n0,x\n", "line 2: 2 columns where the header has 3"),
        ];
        for (text, expected) in cases {
            let path = Path::new("list.csv");
            let failed = CsvRows::new(path, text).and_then(|mut rows| {
                while rows.next_row()?.is_some() {}
                Ok(())
            });
            let message = failed.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}

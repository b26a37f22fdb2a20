//! Where a face lies in its photograph, as columns of a table of attributes.

use std::path::Path;

use super::atomic::write_atomically;
use super::error::DataError;

/// A face in a photograph. All places are in pixels of the photograph, from its top left corner.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceMark {
    /// Number of the face in its photograph. Number 0 is the largest face.
    pub face: u32,
    /// The box: left, top, width and height.
    pub bounds: [f32; 4],
    /// How sure the detector is, from 0 to 1.
    pub score: f32,
    /// x and y of the right eye, the left eye, the tip of the nose, and the right and the left corner of the mouth, if they are
    /// kept. Right and left are the person's own.
    pub landmarks: Option<[[f32; 2]; 5]>,
    /// The picture of the aligned face, if it was written: a path relative to the table's folder.
    pub aligned: Option<String>,
}

/// The columns that every table of faces has after the name of the image.
pub(super) const COLUMNS: [&str; 3] = ["face", "box", "score"];

/// The columns that a table of faces may have after [`COLUMNS`], in this order.
pub(super) const OPTIONAL_COLUMNS: [&str; 2] = ["landmarks", "aligned"];

impl FaceMark {
    /// Returns the columns of this face and their names: the five places of `landmarks` and the four numbers of `box` are
    /// separated by spaces, in hundredths of a pixel.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let numbers = |numbers: &[f32]| numbers.iter().map(|number| format!("{number:.2}")).collect::<Vec<_>>().join(" ");
        let mut fields = vec![
            (COLUMNS[0], self.face.to_string()),
            (COLUMNS[1], numbers(&self.bounds)),
            (COLUMNS[2], format!("{:.4}", self.score)),
        ];
        fields.extend(self.landmarks.map(|landmarks| (OPTIONAL_COLUMNS[0], numbers(landmarks.as_flattened()))));
        fields.extend(self.aligned.clone().map(|aligned| (OPTIONAL_COLUMNS[1], aligned)));
        fields
    }

    /// Reads a face from its columns and their names.
    ///
    /// # Errors
    /// A sentence that names the column, what was found and what is expected.
    pub(super) fn parse<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Result<FaceMark, String> {
        let mut mark = FaceMark { face: 0, bounds: [0.0; 4], score: 0.0, landmarks: None, aligned: None };
        for (name, text) in fields {
            match name {
                "face" => {
                    mark.face =
                        text.parse().map_err(|_| format!("face is '{text}' where a whole number from 0 on is expected"))?;
                }
                "box" => mark.bounds = numbers(name, text)?,
                "score" => [mark.score] = numbers(name, text)?,
                "landmarks" => {
                    let [ax, ay, bx, by, cx, cy, dx, dy, ex, ey] = numbers::<10>(name, text)?;
                    mark.landmarks = Some([[ax, ay], [bx, by], [cx, cy], [dx, dy], [ex, ey]]);
                }
                _ => mark.aligned = Some(text.to_owned()),
            }
        }
        Ok(mark)
    }
}

/// Writes a CSV file with the photograph of each face, and where the face lies in it.
///
/// # Errors
/// [`DataError::Write`] if the file cannot be written.
pub fn write_face_marks(path: &Path, faces: &[(String, FaceMark)]) -> Result<(), DataError> {
    write_atomically(path, |writer| {
        let mut csv = csv::Writer::from_writer(writer);
        csv.write_field("image")?;
        csv.write_record(faces.first().map(|(_, mark)| mark.fields()).unwrap_or_default().iter().map(|(name, _)| name))?;
        for (image, mark) in faces {
            csv.write_field(image)?;
            csv.write_record(mark.fields().iter().map(|(_, field)| field))?;
        }
        csv.flush()
    })
}

/// Reads `N` finite numbers that are separated by spaces.
fn numbers<const N: usize>(name: &str, text: &str) -> Result<[f32; N], String> {
    let found: Option<Vec<f32>> =
        text.split_whitespace().map(|word| word.parse().ok().filter(|number: &f32| number.is_finite())).collect();
    found
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| format!("{name} is '{text}' where {N} finite numbers separated by spaces are expected"))
}

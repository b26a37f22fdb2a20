//! Reads a folder of images with a label file that the user has made.
//!
//! The label file is CSV. Its first column, `image` or `file`, has the path of an image relative to the folder. An optional
//! column `partition` or `split` has the partition of the image. Letter case does not matter in these names. Every other column
//! is an attribute; it must have labels only if the attribute is chosen.

use std::collections::HashMap;
use std::path::Path;

use super::attributes;
use super::column::{self, Column};
use super::dataset::{Dataset, Partition, require_images, stays_inside, unlisted_images};
use super::error::DataError;
use super::source::ImageSource;
use super::text::{CsvRows, read_text};

/// What to do with a row in which the label of a chosen attribute is "unsure". A label of -1 means unsure in a file that also has
/// labels of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownLabels {
    /// Refuse the file with an error that names the row.
    #[default]
    Refuse,
    /// Leave out the row.
    DropRow,
}

/// Options for reading a labelled folder.
#[derive(Debug, Clone, Default)]
pub struct LabelOptions {
    /// The attributes to read, in this order. `None` reads all attributes in the order of the file.
    pub attributes: Option<Vec<String>>,
    /// What to do with a row that is unsure about a chosen attribute.
    pub unknown: UnknownLabels,
    /// The seed of the hash that chooses the validation images when the file has no partitions.
    pub seed: u64,
}

/// The data set of a labelled folder, and facts about its label file.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledFolder {
    /// The images with their labels.
    pub dataset: Dataset,
    /// The number of rows that [`UnknownLabels::DropRow`] left out.
    pub dropped: usize,
    /// The number of images that are not in the label file, but lie in the same folder as an image that is.
    pub unlisted: usize,
    /// Whether the label file has a column of partitions. If not, the partitions were chosen by a hash.
    pub partitioned: bool,
}

/// One row of a label file.
struct Row {
    line: usize,
    image: String,
    /// The labels, or `None` where an attribute that is not chosen has something else.
    values: Vec<Option<i8>>,
    partition: Option<Partition>,
}

/// The share of the images that become validation images when the label file has no partitions.
const VALIDATION_SHARE: f64 = 0.1;

/// Opens the images of `folder` with the labels of `label_file`. If `label_file` is `None`, the labels are in the file
/// `labels.csv` of the folder.
///
/// The meaning of the labels is decided for the file as a whole, by its columns of labels. If it has no 0, then -1 means no and 1
/// means yes. If it has a 0, then 0 means no, 1 means yes and -1 means unsure; [`LabelOptions::unknown`] decides what happens to
/// an unsure row. If the file has no column of partitions, a tenth of the images become validation images and the others training
/// images. The choice is made by a hash of the seed and the name of the image, so that a new image does not change the partition
/// of any other.
///
/// # Errors
/// When the label file has a fault, which the error names with its line. Also when a chosen attribute is not in the file, an
/// image is missing, or no row is left.
pub fn open_labelled(folder: &Path, label_file: Option<&Path>, options: &LabelOptions) -> Result<LabelledFolder, DataError> {
    let beside = folder.join("labels.csv");
    let path = label_file.unwrap_or(&beside);
    if !folder.is_dir() {
        let problem = if folder.exists() { "is not a folder" } else { "does not exist" };
        return Err(DataError::file(folder, problem, "name the folder of the images"));
    }
    let text = read_text(path)?;
    let mut rows = CsvRows::new(path, &text)?;
    let columns = Columns::find(path, rows.header())?;
    let names: Vec<String> = columns.attributes.iter().map(|&column| rows.header()[column].clone()).collect();
    let chosen = match &options.attributes {
        Some(wanted) => attributes::resolve(wanted, &names)?,
        None => (0..names.len()).collect(),
    };
    if columns.partition.is_none() {
        let mut others = (0..names.len()).filter(|place| options.attributes.is_none() || !chosen.contains(place));
        others.try_for_each(|place| column::refuse_misspelt(path, &names[place]))?;
    }

    let mut seen = HashMap::new();
    let mut read = Vec::new();
    while let Some((line, row)) = rows.next_row()? {
        let row = columns.row(path, line, row, &names, &chosen)?;
        if let Some(before) = seen.insert(row.image.clone(), line) {
            return Err(DataError::repeated_image(path, line, &row.image, before));
        }
        read.push(row);
    }
    if read.is_empty() {
        return Err(DataError::file(path, "the list has no rows", "add a row for each image"));
    }
    let total = read.len();
    let listed: Vec<String> = read.iter().map(|row| row.image.clone()).collect();
    // A column of ages, for example, says nothing about the meaning of the labels.
    let of_labels: Vec<usize> = (0..names.len()).filter(|&column| read.iter().all(|row| row.values[column].is_some())).collect();
    let has_zero = read.iter().any(|row| of_labels.iter().any(|&column| row.values[column] == Some(0)));
    let unsure = |row: &Row| chosen.iter().copied().find(|&column| has_zero && row.values[column] == Some(-1));
    if options.unknown == UnknownLabels::Refuse {
        refuse_unsure(path, &read, &names, unsure)?;
    }
    read.retain(|row| unsure(row).is_none());
    if read.is_empty() {
        return Err(DataError::file(
            path,
            "every row has a label of -1, which means unsure",
            "label the images or choose fewer attributes",
        ));
    }

    let images: Vec<String> = read.iter().map(|row| row.image.clone()).collect();
    require_images(path, folder, &images)?;
    let dataset = Dataset {
        images: images.iter().map(|name| ImageSource::File(folder.join(name))).collect(),
        labels: read.iter().flat_map(|row| chosen.iter().map(|&column| u8::from(row.values[column] == Some(1)))).collect(),
        attributes: chosen.iter().map(|&column| names[column].clone()).collect(),
        partition: read.iter().map(|row| row.partition.unwrap_or_else(|| partition_by_name(options.seed, &row.image))).collect(),
        names: images,
    };
    Ok(LabelledFolder {
        dropped: total - dataset.len(),
        unlisted: unlisted_images(folder, &listed),
        partitioned: columns.partition.is_some(),
        dataset,
    })
}

/// Refuses the file if it has an unsure row. `unsure` returns the first chosen attribute that a row is unsure about.
fn refuse_unsure(path: &Path, rows: &[Row], names: &[String], unsure: impl Fn(&Row) -> Option<usize>) -> Result<(), DataError> {
    let count = rows.iter().filter(|row| unsure(row).is_some()).count();
    match rows.iter().find_map(|row| unsure(row).map(|column| (row, column))) {
        None => Ok(()),
        Some((row, column)) => {
            let problem = format!(
                "{} of {} is -1 in a file that also has 0, so -1 means unsure ({count} of {} rows have such a label)",
                names[column],
                row.image,
                rows.len()
            );
            Err(DataError::line(path, row.line, problem, "label it 0 or 1, choose other attributes, or drop such rows"))
        }
    }
}

/// The positions of the columns of a label file, counted from 0.
struct Columns {
    partition: Option<usize>,
    attributes: Vec<usize>,
}

impl Columns {
    /// Finds the columns by the names in the header, and refuses a header without the columns that are needed.
    fn find(path: &Path, header: &[String]) -> Result<Self, DataError> {
        column::require_image(path, header)?;
        let is_partition = |column: &usize| column::meaning(&header[*column]) == Column::Partition;
        let (partitions, attributes): (Vec<_>, Vec<_>) = (1..header.len()).partition(is_partition);
        if partitions.len() > 1 {
            return Err(DataError::line(path, 1, "the header has both 'partition' and 'split'", "keep one of the two columns"));
        }
        if attributes.is_empty() {
            return Err(DataError::no_attribute(path));
        }
        Ok(Self { partition: partitions.first().copied(), attributes })
    }

    /// Reads one row. `names` are the names of the attributes, and `chosen` the places of those that must have labels.
    fn row(
        &self,
        path: &Path,
        line: usize,
        row: &csv::StringRecord,
        names: &[String],
        chosen: &[usize],
    ) -> Result<Row, DataError> {
        let image = row[0].strip_prefix("./").unwrap_or(&row[0]).to_owned();
        if !stays_inside(&image) {
            return Err(DataError::outside_folder(path, line, &image));
        }
        let values = self.attributes.iter().enumerate().map(|(place, &column)| match column::label(&row[column]) {
            None if chosen.contains(&place) => {
                let problem = format!("{} of {image} is '{}'", names[place], &row[column]);
                let remedy = "a label must be 0 or 1, or -1 or 1; if this is no attribute, choose the others with --attributes";
                Err(DataError::line(path, line, problem, remedy))
            }
            label => Ok(label),
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let partition = self.partition.map(|column| {
            let text = row[column].trim();
            Partition::parse(text).ok_or_else(|| {
                let problem = format!("the partition of {image} is '{text}'");
                DataError::line(path, line, problem, format!("it must be one of {}", Partition::SPELLINGS))
            })
        });
        Ok(Row { line, values, partition: partition.transpose()?, image })
    }
}

/// Returns the validation partition for a share [`VALIDATION_SHARE`] of all names, and the training partition for the others. The
/// choice is the FNV-1a hash of the name, mixed with the seed by the finaliser of splitmix64.
fn partition_by_name(seed: u64, name: &str) -> Partition {
    let hash =
        name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut mixed = hash.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let unit = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
    if unit < VALIDATION_SHARE { Partition::Validation } else { Partition::Train }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder(labels: &str, images: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("labels.csv"), labels).unwrap();
        for image in images {
            fs::write(folder.path().join(image), "").unwrap();
        }
        folder
    }

    fn options(attributes: &[&str], unknown: UnknownLabels) -> LabelOptions {
        let attributes = attributes.iter().map(|name| name.to_string()).collect();
        LabelOptions { attributes: Some(attributes), unknown, seed: 7 }
    }

    #[test]
    fn reads_both_label_conventions_and_partitions() {
        let texts = [
            "image,Bald,split,Young\na.jpg,1,train,0\nb.jpg,0,test,1\n",
            "file,Bald,Young,partition\r\na.jpg,1,-1,0\r\nb.jpg,-1,1,2\r\n",
        ];
        for text in texts {
            let folder = folder(text, &["a.jpg", "b.jpg"]);
            let read = open_labelled(folder.path(), None, &LabelOptions::default()).unwrap();
            assert!(read.partitioned);
            let read = read.dataset;
            assert_eq!(read.attributes, ["Bald", "Young"]);
            assert_eq!(read.labels, [1, 0, 0, 1]);
            assert_eq!(read.partition, [Partition::Train, Partition::Test]);
            assert_eq!(read.images[1].label(), folder.path().join("b.jpg"));
        }
    }

    #[test]
    fn errors_name_the_line_and_the_fault() {
        let cases = [
            ("picture,Bald\na.jpg,1\n", "line 1: the first column is 'picture'"),
            ("image,split\na.jpg,0\n", "line 1: no column names an attribute"),
            ("image,Bald,split,partition\na.jpg,1,0,0\n", "line 1: the header has both 'partition' and 'split'"),
            ("image,Bald\na.jpg,1\nb.jpg,2\n", "line 3: Bald of b.jpg is '2'"),
            ("image,Bald\na.jpg,yes\n", "line 2: Bald of a.jpg is 'yes'"),
            ("image,Bald\na.jpg,1\na.jpg,1\n", "line 3: a.jpg appears twice, first in line 2"),
            ("image,Bald\n../a.jpg,1\n", "line 2: the image name '../a.jpg' leads out"),
            ("image,Bald,split\na.jpg,1,dev\n", "line 2: the partition of a.jpg is 'dev'"),
            ("image,Bald,Partitions\na.jpg,1,0\n", "line 1: the column 'Partitions' is named almost like 'partition'"),
            ("image,Bald,notes\na.jpg,1,nice\n", "line 2: notes of a.jpg is 'nice'; a label must be 0 or 1, or -1 or 1; if this"),
            ("image,Bald\na.jpg,1\n./a.jpg,1\n", "line 3: a.jpg appears twice, first in line 2"),
            ("image,Bald\nA.JPG,1\n", "a.jpg is there: write the name exactly like that"),
            ("image,Bald\na,1\n", "a.jpg is there: write the name exactly like that"),
            ("image,Bald\n'a.jpg',1\n", "a.jpg is there: write the name exactly like that"),
            ("image,Bald\nsub\\a.jpg,1\n", "write / between folders and names"),
            ("image,Bald\n", "no rows"),
            ("image,Bald\nc.jpg,1\n", "1 of its 1 images are not in"),
            ("image,Bald\na.jpg,-1\nb.jpg,0\n", "line 2: Bald of a.jpg is -1 in a file that also has 0"),
        ];
        for (text, expected) in cases {
            let folder = folder(text, &["a.jpg", "b.jpg"]);
            let failed = open_labelled(folder.path(), None, &LabelOptions::default());
            let message = failed.unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("labels.csv"), "{message}");
        }
    }

    /// Whatever spelling a spreadsheet or a script chose, the labels are the same.
    #[test]
    fn other_spellings_mean_the_same() {
        let texts = [
            "Image,Bald,Partition\na.jpg,1,0\nb.jpg,0,1\n",
            "image, Bald, partition\na.jpg, 1, 0\nb.jpg, 0, 1\n",
            "filename;Bald;Split\n./a.jpg;1.0;Train\nb.jpg;0.0;val\n",
            ",image_id,Bald,SPLIT\n0,a.jpg,1,training\n1,b.jpg,-1,VALIDATION\n",
            "image\tBald\tage\tsplit\na.jpg\t1\t0\ttrain\nb.jpg\t-1\t37\tvalid\n",
        ];
        for text in texts {
            let folder = folder(text, &["a.jpg", "b.jpg"]);
            let read = open_labelled(folder.path(), None, &options(&["Bald"], UnknownLabels::Refuse)).unwrap();
            let data = read.dataset;
            assert_eq!((read.partitioned, &data.labels[..]), (true, &[1, 0][..]), "{text:?}");
            assert_eq!(data.partition, [Partition::Train, Partition::Validation], "{text:?}");
            assert_eq!(data.names, ["a.jpg", "b.jpg"], "{text:?}");
        }
        let missing = open_labelled(Path::new("no/such/folder"), None, &LabelOptions::default()).unwrap_err().to_string();
        assert!(missing.contains("no/such/folder: does not exist"), "{missing}");
    }

    #[test]
    fn unsure_rows_of_the_portraits_are_refused_or_dropped() {
        let faces = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/faces");
        let refused = open_labelled(&faces, None, &LabelOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("line 4: Gray_Hair of B001281.jpg is -1") && refused.contains("drop such rows"), "{refused}");

        let sure = open_labelled(&faces, None, &options(&["Male"], UnknownLabels::Refuse)).unwrap();
        assert_eq!((sure.dataset.len(), sure.dropped, sure.partitioned), (96, 0, false));
        assert_eq!(sure.dataset.labels.iter().filter(|&&label| label == 1).count(), 72);

        let bald = open_labelled(&faces, None, &options(&["Bald", "Male"], UnknownLabels::DropRow)).unwrap();
        assert_eq!((bald.dataset.len(), bald.dropped, bald.unlisted), (87, 9, 0), "an image of a dropped row is still listed");
        assert_eq!(bald.dataset.labels.iter().step_by(2).filter(|&&label| label == 1).count(), 5);

        let unknown = open_labelled(&faces, None, &options(&["male"], UnknownLabels::Refuse)).unwrap_err().to_string();
        assert!(unknown.contains("did you mean 'Male'?"), "{unknown}");
    }

    #[test]
    fn the_validation_share_is_a_tenth_and_depends_only_on_seed_and_name() {
        let chosen = |seed| -> Vec<usize> {
            (0..10_000).filter(|n| partition_by_name(seed, &format!("{n:06}.jpg")) == Partition::Validation).collect()
        };
        let (first, second) = (chosen(1), chosen(2));
        assert_eq!(first, chosen(1));
        assert_ne!(first, second);
        // Five standard deviations of a binomial draw of 10,000 with share 0.1.
        assert!(first.len().abs_diff(1000) < 150 && second.len().abs_diff(1000) < 150);
        assert!(first.iter().filter(|n| second.contains(n)).count() < 200);
    }
}

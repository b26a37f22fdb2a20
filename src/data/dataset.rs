//! A data set of labelled images, independent of the files that the labels came from.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::folder::has_image_extension;
use super::source::ImageSource;

/// The part of a data set that an image belongs to. The numbers are those of CelebA's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partition {
    /// 0: images to train the weights on.
    Train,
    /// 1: images to choose the best epoch by.
    Validation,
    /// 2: images to measure the final metrics on.
    Test,
}

impl Partition {
    /// All partitions, in CelebA's order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Returns the name used in lists, in messages and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The texts that [`parse`](Self::parse) accepts, for messages.
    pub(crate) const SPELLINGS: &'static str = "0, 1, 2 or train, validation, test";

    /// Reads a partition's number or name. Letter case does not matter. Returns `None` for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_lowercase().as_str() {
            "0" | "0.0" | "train" | "training" => Some(Self::Train),
            "1" | "1.0" | "validation" | "val" | "valid" => Some(Self::Validation),
            "2" | "2.0" | "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }
}

/// Images, each with a label for every attribute. `images`, `names`, `partition` and the rows of `labels` are in the same order,
/// that of the list of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Where to read each image.
    pub images: Vec<ImageSource>,
    /// The name of each image as written in the list.
    pub names: Vec<String>,
    /// 1 where the image has the attribute, otherwise 0; shape `[images, attributes]`, row-major.
    pub labels: Vec<u8>,
    /// The names of the attributes, in the order of the columns of `labels`.
    pub attributes: Vec<String>,
    /// The partition of each image.
    pub partition: Vec<Partition>,
}

impl Dataset {
    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Returns whether the data set has no images.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Returns the labels of the image at `index`, one for each of `attributes`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn labels_of(&self, index: usize) -> &[u8] {
        let width = self.attributes.len();
        &self.labels[index * width..(index + 1) * width]
    }

    /// Returns for each attribute the share of the images that have it, from 0 to 1.
    pub fn occurrences(&self) -> Vec<f64> {
        let width = self.attributes.len().max(1);
        let having = |column: usize| self.labels.iter().skip(column).step_by(width).filter(|label| **label == 1).count();
        (0..self.attributes.len()).map(|column| having(column) as f64 / self.len().max(1) as f64).collect()
    }

    /// Returns the positions of the images of one partition, in ascending order.
    pub fn indices_of(&self, partition: Partition) -> Vec<usize> {
        (0..self.len()).filter(|&index| self.partition[index] == partition).collect()
    }

    /// Removes the images that have none of the attributes, and returns their number. With the cosine loss a network cannot
    /// learn from them: the cosine of a row of zeros with any prediction is 0.
    pub fn drop_zero(&mut self) -> usize {
        let keep: Vec<bool> = (0..self.len()).map(|index| self.labels_of(index).contains(&1)).collect();
        self.retain(&keep);
        keep.len() - self.len()
    }

    /// Removes the images whose entry in `keep` is false.
    ///
    /// # Panics
    /// If `keep` has fewer entries than there are images.
    pub fn retain(&mut self, keep: &[bool]) {
        let width = self.attributes.len();
        retain(&mut self.images, keep, 1);
        retain(&mut self.names, keep, 1);
        retain(&mut self.partition, keep, 1);
        retain(&mut self.labels, keep, width);
    }

    /// Returns the attributes that have the same label on all images of a partition. A network cannot learn them from it.
    pub fn constant_attributes(&self, partition: Partition) -> Vec<&str> {
        let rows = self.indices_of(partition);
        let constant = |column: &usize| {
            let mut labels = rows.iter().map(|&row| self.labels_of(row)[*column]);
            let first = labels.next();
            labels.all(|label| Some(label) == first)
        };
        (0..self.attributes.len()).filter(constant).map(|column| self.attributes[column].as_str()).collect()
    }

    /// Checks that each of `partitions` has at least one image. `data` is the path of the data set for the message.
    ///
    /// # Errors
    /// When one of the partitions has no images. The error names the first such partition.
    pub fn require(&self, data: &Path, partitions: &[Partition]) -> Result<(), DataError> {
        match partitions.iter().find(|partition| !self.partition.contains(partition)) {
            None => Ok(()),
            Some(partition) => {
                let problem = format!("none of the {} images is for {}", self.len(), partition.name());
                let remedy = format!("mark some images with the partition {} in the list", *partition as u8);
                Err(DataError::file(data, problem, remedy))
            }
        }
    }
}

/// Returns whether the path `name`, joined to a folder, stays within that folder on every operating system.
pub(crate) fn stays_inside(name: &str) -> bool {
    !name.is_empty() && !name.contains(':') && name.split(['/', '\\']).all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Removes rows from a row-major table whose rows have `width` values. A row stays if its entry in `keep` is true.
fn retain<T>(values: &mut Vec<T>, keep: &[bool], width: usize) {
    let mut place = 0..;
    values.retain(|_| place.next().is_some_and(|at: usize| keep[at / width]));
}

/// Refuses a list at the path `list` that names images which are not in `folder`.
pub(crate) fn require_images(list: &Path, folder: &Path, names: &[String]) -> Result<(), DataError> {
    let present = listing(folder, names);
    let missing: Vec<&str> = names.iter().map(String::as_str).filter(|name| !present.contains(Path::new(name))).collect();
    missing_images(list, folder, names.len(), &missing).map_err(|error| match (error, hint(folder, &missing)) {
        (DataError::File { path, problem, .. }, Some(remedy)) => DataError::File { path, problem, remedy },
        (error, _) => error,
    })
}

/// Returns what may be wrong with the first of the missing names, if a file in the folder has almost the same name.
fn hint(folder: &Path, missing: &[&str]) -> Option<String> {
    let name = missing.first()?;
    if name.contains('\\') {
        return Some("write / between folders and names".into());
    }
    let unquoted = name.trim_matches(['\'', '"']);
    let (parent, file) =
        unquoted.rsplit_once('/').map_or((folder.to_path_buf(), unquoted), |(parent, file)| (folder.join(parent), file));
    let wanted = file.to_lowercase();
    let resembles = |present: &str| {
        let present = present.to_lowercase();
        present == wanted
            || present.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('.'))
            || same_letters(&present, &wanted)
    };
    let entries = fs::read_dir(parent).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<String> = entries.filter(|present| resembles(present)).collect();
    found.sort();
    let found = found.first()?;
    let accents = if found.is_ascii() { "" } else { ", with accented letters stored in the same way (composed or decomposed)" };
    Some(format!("{found} is there: write the name exactly like that{accents}"))
}

/// Returns whether two names differ only in how they store accented letters: as one character, or as a letter with a combining
/// mark (Unicode, block 0300).
fn same_letters(left: &str, right: &str) -> bool {
    let is_mark = |letter: &char| ('\u{300}'..='\u{36f}').contains(letter);
    let marks = |name: &str| name.chars().filter(is_mark).count();
    if marks(left) == marks(right) {
        return false;
    }
    let (composed, decomposed) = if marks(left) < marks(right) { (left, right) } else { (right, left) };
    let mut letters = decomposed.chars().peekable();
    composed.chars().all(|one| {
        let base = letters.next();
        let mut has_mark = false;
        while letters.next_if(is_mark).is_some() {
            has_mark = true;
        }
        if has_mark { !one.is_ascii() } else { base == Some(one) }
    }) && letters.next().is_none()
}

/// Returns an error if `missing` is not empty. It names the images of the list at the path `list` that are not in the folder or
/// archive `place`. `total` is the number of images in the list.
pub(crate) fn missing_images(list: &Path, place: &Path, total: usize, missing: &[&str]) -> Result<(), DataError> {
    if missing.is_empty() {
        return Ok(());
    }
    let first = missing[..missing.len().min(3)].join(", ");
    let problem = format!("{} of its {total} images are not in {}: {first}", missing.len(), place.display());
    Err(DataError::file(list, problem, "add the images or remove their rows"))
}

/// Returns the number of images that are not in a list, but lie in a folder that holds an image of the list. `names` are the
/// images of the list, as paths relative to `folder`.
pub(crate) fn unlisted_images(folder: &Path, names: &[String]) -> usize {
    let listed: HashSet<&Path> = names.iter().map(Path::new).collect();
    let present = listing(folder, names);
    let unlisted = |name: &&PathBuf| has_image_extension(name) && !listed.contains(name.as_path()) && !folder.join(name).is_dir();
    present.iter().filter(unlisted).count()
}

/// Returns the paths, relative to `folder`, of everything in the folders that hold the images `names`. Each folder is read only
/// once, because a list may have 200,000 rows.
fn listing(folder: &Path, names: &[String]) -> HashSet<PathBuf> {
    let parents: HashSet<&Path> = names.iter().filter_map(|name| Path::new(name).parent()).collect();
    let mut present = HashSet::new();
    for parent in parents {
        // No error here: the images of a missing folder will be reported as missing, by name.
        let Ok(entries) = fs::read_dir(folder.join(parent)) else { continue };
        present.extend(entries.flatten().map(|entry| parent.join(entry.file_name())));
    }
    present
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_accents_are_the_same_letters() {
        assert!(same_letters("\u{e9}t\u{e9}.jpg", "e\u{301}te\u{301}.jpg"));
        assert!(!same_letters("\u{e9}.jpg", "\u{e9}.jpg") && !same_letters("e.jpg", "e\u{301}.jpg"));
        assert!(!same_letters("\u{e9}a.jpg", "e\u{301}b.jpg"));
    }

    #[test]
    fn a_name_must_stay_within_its_folder() {
        for good in ["000001.jpg", "a/b.jpg", "it's \"here\" & <there>.jpg", "..hidden", "a..b"] {
            assert!(stays_inside(good), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "..\\x", "C:x", "C:\\x", "a/", "\\\\host\\x"] {
            assert!(!stays_inside(bad), "{bad}");
        }
    }

    #[test]
    fn missing_images_are_counted_and_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("a.jpg"), "").unwrap();
        fs::write(folder.path().join("sub/b.jpg"), "").unwrap();
        let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let list = Path::new("labels.csv");
        require_images(list, folder.path(), &names(&["a.jpg", "sub/b.jpg"])).unwrap();
        let message = require_images(list, folder.path(), &names(&["a.jpg", "b.jpg", "none/c.jpg"])).unwrap_err().to_string();
        assert!(message.contains("2 of its 3 images") && message.contains("b.jpg, none/c.jpg"), "{message}");
    }

    /// Returns a data set of four images and two attributes.
    fn dataset(labels: [u8; 8], partition: [Partition; 4]) -> Dataset {
        let names = ["a", "b", "c", "d"].map(|name| format!("{name}.jpg")).to_vec();
        Dataset {
            images: names.iter().map(|name| ImageSource::File(name.into())).collect(),
            names,
            labels: labels.to_vec(),
            attributes: vec!["Bald".into(), "Male".into()],
            partition: partition.to_vec(),
        }
    }

    #[test]
    fn images_without_any_attribute_are_dropped() {
        use Partition::{Test, Train, Validation};
        let mut data = dataset([0, 1, 0, 0, 1, 1, 0, 0], [Train, Test, Validation, Train]);
        assert_eq!(data.drop_zero(), 2);
        assert_eq!((data.names.join(" "), data.labels.as_slice()), ("a.jpg c.jpg".to_owned(), &[0, 1, 1, 1][..]));
        assert_eq!((data.images[1].label(), data.partition.as_slice()), (PathBuf::from("c.jpg"), &[Train, Validation][..]));
        assert_eq!(data.drop_zero(), 0);
        assert_eq!((dataset([0; 8], [Train; 4]).drop_zero(), dataset([1; 8], [Train; 4]).drop_zero()), (4, 0));
    }

    #[test]
    fn empty_partitions_and_constant_attributes_are_found() {
        use Partition::{Test, Train, Validation};
        let data = dataset([0, 1, 0, 0, 0, 1, 1, 0], [Train, Train, Train, Validation]);
        assert_eq!(data.constant_attributes(Train), ["Bald"]);
        assert_eq!(data.constant_attributes(Validation), ["Bald", "Male"]);
        data.require(Path::new("faces"), &[Train, Validation]).unwrap();
        let message = data.require(Path::new("faces"), &[Train, Test]).unwrap_err().to_string();
        assert!(
            message.contains("faces: none of the 4 images is for test") && message.contains("with the partition 2"),
            "{message}"
        );
    }

    #[test]
    fn unlisted_images_are_counted_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for folders in ["sub", "other", "named like.jpg"] {
            fs::create_dir(folder.path().join(folders)).unwrap();
        }
        for file in ["a.jpg", "b.PNG", "notes.txt", "labels.csv", "sub/c.jpg", "sub/d.jpg", "other/e.jpg"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let names = ["a.jpg", "sub/c.jpg"].map(str::to_owned);
        assert_eq!(unlisted_images(folder.path(), &names), 2, "b.PNG and sub/d.jpg");
        assert_eq!(unlisted_images(folder.path(), &names[..1]), 1, "b.PNG");
    }
}

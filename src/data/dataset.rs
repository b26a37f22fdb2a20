//! Labelled images, wherever their labels came from.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;

/// Which part of the work an image serves. The numbers are CelebA's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partition {
    /// 0: the weights are fitted to it.
    Train,
    /// 1: the best epoch is chosen by it.
    Validation,
    /// 2: the published figures are measured on it.
    Test,
}

impl Partition {
    /// All of them, in CelebA's order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Its name in lists, messages and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Every spelling accepted, for messages.
    pub(crate) const SPELLINGS: &'static str = "0, 1, 2 or train, validation, test";

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "0" | "train" => Some(Self::Train),
            "1" | "validation" => Some(Self::Validation),
            "2" | "test" => Some(Self::Test),
            _ => None,
        }
    }
}

/// Images with a 0/1 label for every attribute. All vectors but `attributes` have one entry an image, in the list's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Where to read each image.
    pub images: Vec<PathBuf>,
    /// Each image's name as its list spells it.
    pub names: Vec<String>,
    /// Labels, 0 or 1, `[images × attributes]` row-major.
    pub labels: Vec<u8>,
    /// The attributes' names, in the order of the columns of `labels`.
    pub attributes: Vec<String>,
    /// Which part of the work each image serves.
    pub partition: Vec<Partition>,
}

impl Dataset {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is no image at all.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// The labels of image `index`, one for each of `attributes`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn labels_of(&self, index: usize) -> &[u8] {
        let width = self.attributes.len();
        &self.labels[index * width..(index + 1) * width]
    }

    /// The positions of the images of one partition, in the list's order.
    pub fn indices_of(&self, partition: Partition) -> Vec<usize> {
        (0..self.len()).filter(|&index| self.partition[index] == partition).collect()
    }
}

/// Whether `name` names something below the folder it will be joined to, on any operating system.
pub(crate) fn stays_inside(name: &str) -> bool {
    !name.is_empty() && !name.contains(':') && name.split(['/', '\\']).all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Refuses a list that names images its folder does not hold. One listing of each folder is read: a list may have 200,000 rows.
pub(crate) fn require_images(list: &Path, folder: &Path, names: &[String]) -> Result<(), DataError> {
    let mut present = HashSet::new();
    let parents: HashSet<&Path> = names.iter().filter_map(|name| Path::new(name).parent()).collect();
    for parent in parents {
        // A folder that is not there shows as its images missing, with their names.
        let Ok(entries) = fs::read_dir(folder.join(parent)) else { continue };
        present.extend(entries.flatten().map(|entry| parent.join(entry.file_name())));
    }
    let missing: Vec<&str> = names.iter().map(String::as_str).filter(|name| !present.contains(Path::new(name))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let first = missing[..missing.len().min(3)].join(", ");
    Err(DataError::file(
        list,
        format!("{} of its {} images are not in {}: {first}", missing.len(), names.len(), folder.display()),
        "add the images or remove their rows",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_stay_inside_its_folder() {
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
}

//! Finds CelebA's lists and images, in the folders or the zip archives in which CelebA is distributed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lists::{attributes_of, join_partition, partition_of};
use crate::data::archive::Archive;
use crate::data::attributes::CELEBA_ATTRIBUTES;
use crate::data::dataset::{Dataset, missing_images, require_images};
use crate::data::error::DataError;
use crate::data::source::ImageSource;
use crate::data::text::{read_member_text, read_text};

/// The list of labels, and its folder in the official distribution.
const ATTRIBUTES: (&str, &str) = ("list_attr_celeba", "Anno");
/// The list of partitions, and its folder in the official distribution.
const PARTITION: (&str, &str) = ("list_eval_partition", "Eval");
/// The folder of the aligned images.
const IMAGES: &str = "img_align_celeba";
/// The folder of the aligned images in the official distribution as PNG. Their names end in `.png` where the lists say `.jpg`.
const PNG_IMAGES: &str = "img_align_celeba_png";
/// The archives that are searched for CelebA's images, in a folder without the folder of images. Two are paths of the official
/// archive. Kaggle names its archive `archive.zip` when a browser downloads it, and `celeba-dataset.zip` when its command line
/// does.
const ARCHIVES: [&str; 4] = ["Img/img_align_celeba.zip", "img_align_celeba.zip", "archive.zip", "celeba-dataset.zip"];

/// Opens CelebA in any of the layouts in which it is distributed.
///
/// `data` is a folder, or a zip or tar archive.
/// - A folder must hold both lists, as `.txt` or as `.csv`, or have them in its folders `Anno` and `Eval`, as in the official
///   distribution. The images are in `img_align_celeba` or `img_align_celeba_png`, which may lie in `Img`. They may also be in
///   a second folder of that name within this one, as Kaggle packs them, or in a zip archive in its place.
/// - An archive must hold the images. The lists are in the archive or in its folders `Anno` and `Eval`, in the folder of the
///   archive or in `Anno` and `Eval` there, or in `Anno` and `Eval` one folder further up. The archive is not unpacked.
///
/// `attributes` are positions in [`CELEBA_ATTRIBUTES`], such as [`resolve`](crate::data::attributes::resolve) returns. The labels
/// of the data set are in the same order.
///
/// # Errors
/// When the images or a list cannot be found, a list is wrong, the two lists name different images, an image is missing, or an
/// archive is damaged or encrypted.
///
/// # Panics
/// If a position in `attributes` is 40 or more.
pub fn open_celeba(data: &Path, attributes: &[usize]) -> Result<Dataset, DataError> {
    let (images, places) = find(data)?;
    let (path, text) = read_list(data, &places, ATTRIBUTES)?;
    let list = attributes_of(&path, &text)?;
    let (path, text) = read_list(data, &places, PARTITION)?;
    let partition = join_partition(&list, &partition_of(&path, &text)?)?;
    let images = match images {
        Some(images) => images.sources(&list.path, &list.images)?,
        None => {
            let problem = format!("holds neither a folder {IMAGES} or {PNG_IMAGES} nor {IMAGES}.zip");
            return Err(DataError::file(data, problem, "put CelebA's aligned images there"));
        }
    };
    let labels = list.labels.chunks_exact(CELEBA_ATTRIBUTES.len());
    Ok(Dataset {
        images,
        labels: labels.flat_map(|row| attributes.iter().map(|&column| row[column])).collect(),
        names: list.images,
        attributes: attributes.iter().map(|&column| CELEBA_ATTRIBUTES[column].to_owned()).collect(),
        partition,
    })
}

/// Returns whether `data` is to be opened with [`open_celeba`] rather than as a folder of images with the user's own labels
/// ([`labels`](crate::data::labels)). This is so for a folder with CelebA's list of labels, and for a folder that has a CelebA
/// archive but no `labels.csv`. It is also so for every file, because only CelebA can be read from an archive; for a file that is
/// not a CelebA archive, [`open_celeba`] returns an error that says so.
pub fn is_celeba(data: &Path) -> bool {
    let listed = || Place::Folder(data.to_path_buf()).list(ATTRIBUTES).is_some();
    let packed = || find_archive(data).is_some() && !data.join("labels.csv").is_file();
    data.is_file() || (data.is_dir() && (listed() || packed()))
}

/// A place that may hold CelebA's lists.
enum Place {
    /// This folder, and the folders `Anno` and `Eval` in it.
    Folder(PathBuf),
    /// The folders `Anno` and `Eval` in this folder, but not the folder itself.
    OfficialFolder(PathBuf),
    /// This archive, and the folders `Anno` and `Eval` in it.
    Zip(Arc<Archive>),
}

impl Place {
    /// Returns the file or member of a list in this place, `.txt` or else `.csv`. `name` is the list's name without an extension,
    /// `official` its folder in the official distribution.
    fn list(&self, (name, official): (&str, &str)) -> Option<ImageSource> {
        let here = [format!("{name}.txt"), format!("{name}.csv")];
        let there = here.clone().map(|file| format!("{official}/{file}"));
        let in_folder = |folder: &Path, file: &str| Some(folder.join(file)).filter(|path| path.is_file()).map(ImageSource::File);
        match self {
            Place::Folder(folder) => here.iter().chain(&there).find_map(|file| in_folder(folder, file)),
            Place::OfficialFolder(folder) => there.iter().find_map(|file| in_folder(folder, file)),
            Place::Zip(archive) => here.iter().chain(&there).find_map(|file| archive.member(file)).map(ImageSource::Member),
        }
    }
}

/// The folder or archive that holds the images.
enum Images {
    Folder(PathBuf),
    Zip(Arc<Archive>),
}

impl Images {
    /// Returns the sources of the images with these names. `list` is the list that names them.
    ///
    /// # Errors
    /// When an image is missing, or is a member that cannot be read.
    fn sources(&self, list: &Path, names: &[String]) -> Result<Vec<ImageSource>, DataError> {
        match self {
            Images::Folder(folder) => {
                let of_png = folder.file_name().is_some_and(|name| name == PNG_IMAGES);
                let file = |name: &String| if of_png { Path::new(name).with_extension("png") } else { PathBuf::from(name) };
                let files: Vec<String> = names.iter().map(|name| file(name).to_string_lossy().into_owned()).collect();
                require_images(list, folder, &files)?;
                Ok(files.iter().map(|name| ImageSource::File(folder.join(name))).collect())
            }
            Images::Zip(archive) => {
                let nested = format!("{IMAGES}/{IMAGES}/");
                let single = format!("{IMAGES}/");
                let folders = [format!("Img/{nested}"), format!("Img/{single}"), nested, single];
                let folder = folders.into_iter().find(|folder| archive.has_folder(folder)).ok_or_else(|| {
                    let problem = format!("holds no folder {IMAGES}");
                    DataError::file(archive.path(), problem, "name the folder or the zip archive of CelebA's aligned images")
                })?;
                let members: Vec<_> = names.iter().map(|name| archive.member(&format!("{folder}{name}"))).collect();
                let missing = names.iter().zip(&members).filter(|(_, member)| member.is_none());
                let missing: Vec<&str> = missing.map(|(name, _)| name.as_str()).collect();
                missing_images(list, archive.path(), names.len(), &missing)?;
                let checked = members.into_iter().flatten().map(|member| member.check().map(|()| ImageSource::Member(member)));
                checked.collect()
            }
        }
    }
}

/// Returns where the images of `data` are, or `None` if there are none, and the places to search for the lists, in the order of
/// the search.
fn find(data: &Path) -> Result<(Option<Images>, Vec<Place>), DataError> {
    if !data.is_dir() {
        let archive = Archive::open(data)?;
        let beside = data.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let places =
            vec![Place::Zip(Arc::clone(&archive)), Place::Folder(beside.to_path_buf()), Place::OfficialFolder(beside.join(".."))];
        return Ok((Some(Images::Zip(archive)), places));
    }
    let mut places = vec![Place::Folder(data.to_path_buf())];
    let named = |name| [data.join("Img").join(name), data.join(name)];
    let folder = [named(IMAGES), named(PNG_IMAGES)].into_iter().flatten().find(|path| path.is_dir());
    let images = match (folder, find_archive(data)) {
        (Some(folder), _) => {
            let nested = folder.join(folder.file_name().unwrap_or_default());
            Some(Images::Folder(if nested.is_dir() { nested } else { folder }))
        }
        (None, Some(path)) => {
            let archive = Archive::open(&path)?;
            places.push(Place::Zip(Arc::clone(&archive)));
            Some(Images::Zip(archive))
        }
        (None, None) => None,
    };
    Ok((images, places))
}

/// Returns the path of the first of the [`ARCHIVES`] in `folder`.
fn find_archive(folder: &Path) -> Option<PathBuf> {
    ARCHIVES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Reads a list from the first of the places that has it. Returns its path for messages and its text.
fn read_list(data: &Path, places: &[Place], list: (&str, &str)) -> Result<(PathBuf, String), DataError> {
    match places.iter().find_map(|place| place.list(list)) {
        Some(ImageSource::File(path)) => read_text(&path).map(|text| (path, text)),
        Some(ImageSource::Member(member)) => read_member_text(&member).map(|text| (member.label(), text)),
        None => {
            let (name, official) = list;
            let (problem, remedy) = if data.is_dir() {
                let remedy = "name the folder that CelebA's lists are in".to_owned();
                (format!("holds neither {name}.txt nor {name}.csv"), remedy)
            } else {
                let remedy = format!("put the list into the folder of the archive, or into a folder {official} there");
                (format!("neither the archive nor its folder holds {name}.txt or {name}.csv"), remedy)
            };
            Err(DataError::file(data, problem, remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::archive::samples::{archive, set_last_entry};
    use crate::data::attributes;
    use crate::data::{Partition, StoredOrientation, decode_ahead};
    use std::fs;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/io").join(name)
    }

    fn chosen() -> Vec<usize> {
        attributes::resolve(&["Young", "Male"], &CELEBA_ATTRIBUTES).unwrap()
    }

    fn names() -> impl Iterator<Item = String> {
        (1..=30).map(|number| format!("{number:06}.jpg"))
    }

    /// Returns a zip archive with the members `more`, followed by the thirty images of the fixtures' lists in `folder`, all with
    /// the content `picture`.
    fn packed(folder: &str, more: &[(&str, &[u8])], picture: &[u8]) -> Vec<u8> {
        let names: Vec<String> = names().map(|name| format!("{folder}/{name}")).collect();
        let images = names.iter().map(|name| (name.as_str(), picture));
        archive(&more.iter().copied().chain(images).collect::<Vec<_>>())
    }

    #[test]
    fn opens_both_list_formats_and_both_image_folders() {
        let mut opened = Vec::new();
        for (spelling, images) in [("txt", "img_align_celeba"), ("csv", "img_align_celeba/img_align_celeba")] {
            let folder = tempfile::tempdir().unwrap();
            assert!(!is_celeba(folder.path()));
            for list in ["list_attr_celeba", "list_eval_partition"] {
                let name = format!("{list}.{spelling}");
                fs::copy(fixture("celeba").join(&name), folder.path().join(&name)).unwrap();
            }
            let missing = open_celeba(folder.path(), &chosen()).unwrap_err().to_string();
            assert!(missing.contains("holds neither a folder img_align_celeba or"), "{missing}");
            fs::create_dir_all(folder.path().join(images)).unwrap();
            for name in names() {
                fs::write(folder.path().join(images).join(name), "").unwrap();
            }
            assert!(is_celeba(folder.path()));
            let dataset = open_celeba(folder.path(), &chosen()).unwrap();
            assert_eq!(dataset.images[0].label(), folder.path().join(images).join("000001.jpg"));
            assert_eq!((dataset.len(), dataset.attributes.as_slice()), (30, &["Young".to_owned(), "Male".to_owned()][..]));
            assert_eq!((dataset.labels_of(0), dataset.labels_of(2)), (&[1, 1][..], &[1, 0][..]));
            assert_eq!(dataset.indices_of(Partition::Validation), (20..25).collect::<Vec<_>>());
            opened.push((dataset.names, dataset.labels, dataset.partition));

            fs::remove_file(folder.path().join(images).join("000007.jpg")).unwrap();
            let missing = open_celeba(folder.path(), &chosen()).unwrap_err().to_string();
            assert!(missing.contains("1 of its 30 images") && missing.contains("000007.jpg"), "{missing}");
        }
        assert_eq!(opened[0], opened[1]);
    }

    #[test]
    fn opens_every_layout_that_can_be_downloaded() {
        let picture = fs::read(fixture("images/face_420.jpg")).unwrap();
        let list = |name: &str| fs::read(fixture("celeba").join(name)).unwrap();
        let (attributes, partition) = (list("list_attr_celeba.csv"), list("list_eval_partition.csv"));
        let lists: [(&str, &[u8]); 2] = [("list_attr_celeba.csv", &attributes), ("list_eval_partition.csv", &partition)];
        // The path of the archive, the folder of the images in it, and the folders of the two lists; `None` if the lists are in
        // the archive.
        let cases = [
            ("img_align_celeba.zip", "img_align_celeba", Some(["", ""])),
            ("img_align_celeba.zip", "img_align_celeba", Some(["Anno", "Eval"])),
            ("Img/img_align_celeba.zip", "img_align_celeba", Some(["Anno", "Eval"])),
            ("archive.zip", "img_align_celeba/img_align_celeba", None),
            ("celeba-dataset.zip", "img_align_celeba/img_align_celeba", None),
            ("any name.zip", "Img/img_align_celeba", None),
        ];
        for (name, inside, places) in cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, packed(inside, if places.is_none() { &lists } else { &[] }, &picture)).unwrap();
            for (place, list) in places.into_iter().flatten().zip(["list_attr_celeba.txt", "list_eval_partition.txt"]) {
                fs::create_dir_all(folder.path().join(place)).unwrap();
                fs::copy(fixture("celeba").join(list), folder.path().join(place).join(list)).unwrap();
            }
            // In a folder only archives with one of the known names are found, but the path of any archive may be given.
            for data in [Some(path), Some(folder.path().to_path_buf()).filter(|_| ARCHIVES.contains(&name))].into_iter().flatten()
            {
                assert!(is_celeba(&data), "{}", data.display());
                let dataset = open_celeba(&data, &chosen()).unwrap();
                assert_eq!((dataset.len(), dataset.labels_of(0), dataset.labels_of(2)), (30, &[1, 1][..], &[1, 0][..]));
                assert_eq!(dataset.indices_of(Partition::Validation), (20..25).collect::<Vec<_>>());
                assert!(dataset.images[6].label().ends_with(format!("{name}/{inside}/000007.jpg")));
                assert_ne!(dataset.images[6].version(), ImageSource::File(fixture("images/face_420.jpg")).version());
                let widths =
                    decode_ahead(dataset.images, 3, 4, StoredOrientation::Applied).map(|(_, image)| image.unwrap().width);
                assert_eq!(widths.collect::<Vec<_>>(), [178; 30]);
            }
        }
    }

    #[test]
    fn says_what_is_wrong_with_an_archive() {
        let whole = packed("img_align_celeba", &[], b"no picture");
        let mut encrypted = whole.clone();
        set_last_entry(&mut encrypted, 8, 1);
        let without_last = archive(&[("img_align_celeba/000001.jpg", b"one"), ("img_align_celeba/", b"")]);
        let cases: [(&[u8], &str); 4] = [
            (&whole[..whole.len() / 2], "img_align_celeba.zip: not a whole zip"),
            (&archive(&[("faces/000001.jpg", b"one")]), "img_align_celeba.zip: holds no folder img_align_celeba;"),
            (&without_last, "29 of its 30 images are not in"),
            (&encrypted, "img_align_celeba.zip/img_align_celeba/000030.jpg: is encrypted"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("img_align_celeba.zip");
        fs::write(&path, &whole).unwrap();
        let message = open_celeba(&path, &chosen()).unwrap_err().to_string();
        assert!(
            message.contains("holds list_attr_celeba.txt") && message.contains("put the list into the folder of the archive"),
            "{message}"
        );
        for list in ["list_attr_celeba.txt", "list_eval_partition.txt"] {
            fs::copy(fixture("celeba").join(list), folder.path().join(list)).unwrap();
        }
        for (bytes, expected) in cases {
            fs::write(&path, bytes).unwrap();
            for data in [folder.path(), &path] {
                let message = open_celeba(data, &chosen()).unwrap_err().to_string();
                assert!(message.contains(expected), "{message}");
            }
        }

        // A damaged member gives an error when it is read, and the other members can still be read.
        let mut damaged = whole;
        let at = damaged.windows(10).position(|bytes| bytes == b"no picture").unwrap();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let images = open_celeba(&path, &chosen()).unwrap().images;
        let messages: Vec<String> =
            decode_ahead(images, 2, 2, StoredOrientation::Applied).map(|(_, image)| image.unwrap_err().to_string()).collect();
        assert!(messages[0].contains("000001.jpg: cannot be extracted from its archive"), "{}", messages[0]);
        assert!(messages[1].contains("000002.jpg: not a JPEG"), "{}", messages[1]);
    }
}

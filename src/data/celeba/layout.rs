//! Where CelebA's lists and images lie: in a folder as it is distributed, or in a zip archive as it is downloaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lists::{attributes_of, join_partition, partition_of};
use crate::data::archive::Archive;
use crate::data::attributes::CELEBA_ATTRIBUTES;
use crate::data::dataset::{Dataset, missing_images, require_images};
use crate::data::error::DataError;
use crate::data::source::ImageSource;
use crate::data::text::{read_member_text, read_text};

/// The two lists, each with the folder that the official distribution keeps it in.
const ATTRIBUTES: (&str, &str) = ("list_attr_celeba", "Anno");
const PARTITION: (&str, &str) = ("list_eval_partition", "Eval");
/// The folder of the aligned images.
const IMAGES: &str = "img_align_celeba";
/// The archives taken for CelebA's images in a folder that holds no folder of them: the official one, and what Kaggle calls
/// its own in the browser and on the command line.
const ARCHIVES: [&str; 4] = ["Img/img_align_celeba.zip", "img_align_celeba.zip", "archive.zip", "celeba-dataset.zip"];

/// Opens CelebA as it is distributed.
///
/// `data` is a folder with both lists (or with the official `Anno` and `Eval` that hold them), in either spelling, and the
/// images in `img_align_celeba`, in `Img/img_align_celeba`, nested twice as Kaggle packs them, or in a zip archive instead of
/// that folder; or it is such an archive, with the lists in it, beside it, or in the folders `Anno` and `Eval` beside it or
/// beside its folder. Archives are not unpacked.
///
/// `attributes` are positions in [`CELEBA_ATTRIBUTES`], as [`resolve`](crate::data::attributes::resolve) gives them; the labels
/// come in that order.
///
/// # Errors
/// When a list or the images are not there, a list is wrong, the two lists differ, an image is missing, or an archive is
/// damaged or encrypted.
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
            let problem = format!("holds neither a folder {IMAGES} nor {IMAGES}.zip");
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

/// Whether `data` looks like CelebA, so that a caller can choose between this reader and that of labelled folders: a file, a
/// folder with CelebA's attribute list, or one with an archive of it and no label list of its own.
pub fn is_celeba(data: &Path) -> bool {
    let listed = || Place::Folder(data.to_path_buf()).list(ATTRIBUTES).is_some();
    let packed = || find_archive(data).is_some() && !data.join("labels.csv").is_file();
    data.is_file() || (data.is_dir() && (listed() || packed()))
}

/// Something with names below it.
enum Place {
    Folder(PathBuf),
    /// `Anno` and `Eval` of this folder, and nothing directly in it.
    OfficialFolder(PathBuf),
    Zip(Arc<Archive>),
}

impl Place {
    /// Where a list lies in this place, in either spelling.
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

/// Where the images lie.
enum Images {
    Folder(PathBuf),
    Zip(Arc<Archive>),
}

impl Images {
    /// The images of these names, which `list` gives.
    fn sources(&self, list: &Path, names: &[String]) -> Result<Vec<ImageSource>, DataError> {
        match self {
            Images::Folder(folder) => {
                require_images(list, folder, names)?;
                Ok(names.iter().map(|name| ImageSource::File(folder.join(name))).collect())
            }
            Images::Zip(archive) => {
                let nested = format!("{IMAGES}/{IMAGES}/");
                let single = format!("{IMAGES}/");
                let folders = [format!("Img/{nested}"), format!("Img/{single}"), nested, single];
                let folder = folders.into_iter().find(|folder| archive.has_folder(folder)).ok_or_else(|| {
                    let problem = format!("holds no folder {IMAGES}");
                    DataError::file(archive.path(), problem, "name CelebA's aligned images, as zip archive or folder")
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

/// The images that `data` names, if any, and the places to look for lists in, in their order.
fn find(data: &Path) -> Result<(Option<Images>, Vec<Place>), DataError> {
    if !data.is_dir() {
        let archive = Archive::open(data)?;
        let beside = data.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let places =
            vec![Place::Zip(Arc::clone(&archive)), Place::Folder(beside.to_path_buf()), Place::OfficialFolder(beside.join(".."))];
        return Ok((Some(Images::Zip(archive)), places));
    }
    let mut places = vec![Place::Folder(data.to_path_buf())];
    let folder = [data.join("Img").join(IMAGES), data.join(IMAGES)].into_iter().find(|path| path.is_dir());
    let images = match (folder, find_archive(data)) {
        (Some(folder), _) => {
            let nested = folder.join(IMAGES);
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

fn find_archive(folder: &Path) -> Option<PathBuf> {
    ARCHIVES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// A list's path, or what messages call it, and its text.
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
                let remedy = format!("put the list beside it, or in a folder {official} there");
                (format!("neither holds {name}.txt or {name}.csv nor has one beside it"), remedy)
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
    use crate::data::{Partition, decode_ahead};
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

    /// The thirty images of the fixtures' lists below `folder`, all the same picture, and more members before them.
    fn packed(folder: &str, more: &[(&str, &[u8])], picture: &[u8]) -> Vec<u8> {
        let names: Vec<String> = names().map(|name| format!("{folder}/{name}")).collect();
        let images = names.iter().map(|name| (name.as_str(), picture));
        archive(&more.iter().copied().chain(images).collect::<Vec<_>>())
    }

    #[test]
    fn opens_both_spellings_and_both_image_folders() {
        let mut opened = Vec::new();
        for (spelling, images) in [("txt", "img_align_celeba"), ("csv", "img_align_celeba/img_align_celeba")] {
            let folder = tempfile::tempdir().unwrap();
            assert!(!is_celeba(folder.path()));
            for list in ["list_attr_celeba", "list_eval_partition"] {
                let name = format!("{list}.{spelling}");
                fs::copy(fixture("celeba").join(&name), folder.path().join(&name)).unwrap();
            }
            let missing = open_celeba(folder.path(), &chosen()).unwrap_err().to_string();
            assert!(missing.contains("holds neither a folder img_align_celeba nor"), "{missing}");
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
    fn opens_every_layout_that_one_downloads() {
        let picture = fs::read(fixture("images/face_420.jpg")).unwrap();
        let list = |name: &str| fs::read(fixture("celeba").join(name)).unwrap();
        let (attributes, partition) = (list("list_attr_celeba.csv"), list("list_eval_partition.csv"));
        let lists: [(&str, &[u8]); 2] = [("list_attr_celeba.csv", &attributes), ("list_eval_partition.csv", &partition)];
        // The archive, the folder of images in it, and where the lists are unless they are in it.
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
            // A folder is searched for the archives that are known by name; any archive may be named itself.
            for data in [Some(path), Some(folder.path().to_path_buf()).filter(|_| ARCHIVES.contains(&name))].into_iter().flatten()
            {
                assert!(is_celeba(&data), "{}", data.display());
                let dataset = open_celeba(&data, &chosen()).unwrap();
                assert_eq!((dataset.len(), dataset.labels_of(0), dataset.labels_of(2)), (30, &[1, 1][..], &[1, 0][..]));
                assert_eq!(dataset.indices_of(Partition::Validation), (20..25).collect::<Vec<_>>());
                assert!(dataset.images[6].label().ends_with(format!("{name}/{inside}/000007.jpg")));
                assert_ne!(dataset.images[6].version(), ImageSource::File(fixture("images/face_420.jpg")).version());
                let widths = decode_ahead(dataset.images, 3, 4).map(|(_, image)| image.unwrap().width);
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
            (&whole[..whole.len() / 2], "img_align_celeba.zip: not a whole zip archive"),
            (&archive(&[("faces/000001.jpg", b"one")]), "img_align_celeba.zip: holds no folder img_align_celeba;"),
            (&without_last, "29 of its 30 images are not in"),
            (&encrypted, "img_align_celeba.zip/img_align_celeba/000030.jpg: is encrypted"),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("img_align_celeba.zip");
        fs::write(&path, &whole).unwrap();
        let message = open_celeba(&path, &chosen()).unwrap_err().to_string();
        assert!(
            message.contains("neither holds list_attr_celeba.txt") && message.contains("put the list beside it"),
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

        // A damaged member is told of when it is read, and harms no other.
        let mut damaged = whole;
        let at = damaged.windows(10).position(|bytes| bytes == b"no picture").unwrap();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let images = open_celeba(&path, &chosen()).unwrap().images;
        let messages: Vec<String> = decode_ahead(images, 2, 2).map(|(_, image)| image.unwrap_err().to_string()).collect();
        assert!(messages[0].contains("000001.jpg: cannot be taken out of its zip archive"), "{}", messages[0]);
        assert!(messages[1].contains("000002.jpg: not a JPEG"), "{}", messages[1]);
    }
}

//! The images that command-line arguments name.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;

/// The file name extensions, in any letter case, by which a folder's images are told from its other files.
pub const IMAGE_EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// The images named by `arguments`: a file stands for itself whatever its extension, a folder for the images directly in it,
/// sorted by the bytes of their names. A path named twice is taken once, at its first place.
///
/// # Errors
/// When no argument is given, a path does not exist, or a folder cannot be read or holds no image.
pub fn expand(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    if arguments.is_empty() {
        let remedy = "name images or folders of images";
        return Err(DataError::file(Path::new("IMAGES"), "no path is given", remedy));
    }
    let mut images = Vec::new();
    for argument in arguments {
        let found = fs::metadata(argument).map_err(|source| DataError::read(argument, source))?;
        if found.is_dir() {
            images.extend(images_in(argument)?);
        } else {
            images.push(argument.clone());
        }
    }
    let mut seen = HashSet::new();
    images.retain(|image| seen.insert(image.clone()));
    Ok(images)
}

fn images_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = |source| DataError::read(folder, source);
    let mut images = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if has_image_extension(&path) && !path.is_dir() {
            images.push(path);
        }
    }
    if images.is_empty() {
        let known = IMAGE_EXTENSIONS.join(", ");
        return Err(DataError::file(folder, "the folder holds no image", format!("an image's name ends in one of {known}")));
    }
    images.sort_by(|left, right| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()));
    Ok(images)
}

pub(super) fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| IMAGE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_images_sorted_and_a_file_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["b.jpg", "a.PNG", "B.webp", "it's \"a\" <b>.bmp", "notes.txt", "raw"];
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("sub.jpg")).unwrap();
        let expanded = expand(&[folder.path().join("raw"), folder.path().to_path_buf(), folder.path().join("a.PNG")]);
        let expected = ["raw", "B.webp", "a.PNG", "b.jpg", "it's \"a\" <b>.bmp"].map(|name| folder.path().join(name));
        assert_eq!(expanded.unwrap(), expected);
    }

    #[test]
    fn says_what_is_wrong_with_a_path() {
        let empty = tempfile::tempdir().unwrap();
        let cases = [
            (vec![], "no path is given"),
            (vec![empty.path().to_path_buf()], "holds no image"),
            (vec![empty.path().join("missing.jpg")], "missing.jpg: cannot be read"),
        ];
        for (arguments, expected) in cases {
            let message = expand(&arguments).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}

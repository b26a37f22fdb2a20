//! Finds the images that command-line arguments name.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::DataError;

/// The file name extensions that mark a file in a folder as an image. Letter case does not matter.
pub const IMAGE_EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];

/// Returns the paths of the images that `arguments` name. A file is taken whatever its extension is. A folder stands for the
/// images directly in it, sorted by the bytes of their names. A path that is named several times appears once, where it is
/// named first.
///
/// # Errors
/// When no argument is given, a path does not exist, or a folder cannot be read or has no images in it.
pub fn expand(arguments: &[PathBuf]) -> Result<Vec<PathBuf>, DataError> {
    if arguments.is_empty() {
        let remedy = "give the paths of images or of folders with images";
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

/// Returns the paths of the first `count` images in `folder` and all folders below it, sorted by the bytes of their paths. The
/// LFW data set, for example, has a folder for each person.
///
/// # Errors
/// When a folder cannot be read, or there is no image in any of them.
pub fn first_images_below(folder: &Path, count: usize) -> Result<Vec<PathBuf>, DataError> {
    let mut images = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let read = |source| DataError::read(&folder, source);
        for entry in fs::read_dir(&folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            // A symbolic link to a folder is not followed, because it could lead back to a folder above it.
            if entry.file_type().map_err(read)?.is_dir() {
                folders.push(entry.path());
            } else if has_image_extension(&entry.path()) {
                images.push(entry.path());
            }
        }
    }
    if images.is_empty() {
        return Err(no_image(folder));
    }
    sort_by_bytes(&mut images);
    images.truncate(count);
    Ok(images)
}

fn no_image(folder: &Path) -> DataError {
    let known = IMAGE_EXTENSIONS.join(", ");
    DataError::file(folder, "the folder holds no image", format!("the name of an image must end in one of {known}"))
}

fn sort_by_bytes(paths: &mut [PathBuf]) {
    paths.sort_by(|left, right| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()));
}

/// Returns the paths of the images directly in `folder`, sorted by the bytes of their names.
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
        return Err(no_image(folder));
    }
    sort_by_bytes(&mut images);
    Ok(images)
}

/// Returns whether the path ends in one of [`IMAGE_EXTENSIONS`].
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
    fn the_first_images_below_a_folder_are_sorted_by_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["B/2.jpg", "a.jpg", "B/1.jpg", "B/c/notes.txt", "B/c/0.png"];
        for path in names.map(|name| folder.path().join(name)) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let expected = ["B/1.jpg", "B/2.jpg", "B/c/0.png"].map(|name| folder.path().join(name));
        assert_eq!(first_images_below(folder.path(), 3).unwrap(), expected);
        let message = first_images_below(tempfile::tempdir().unwrap().path(), 3).unwrap_err().to_string();
        assert!(message.contains("holds no image"), "{message}");
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

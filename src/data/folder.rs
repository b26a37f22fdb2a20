//! Finds the images that command-line arguments name: files, folders with all folders below them, and archives.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::content::{self, Content, FORMATS, PICTURE_EXTENSIONS, has_extension};
use super::error::DataError;
use super::left_out::{LeftOut, Reason};
use super::source::{ImageSource, explained, special_file};

/// The images that were found, and the files that were left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundImages {
    /// The images. Those of a folder or an archive are sorted by the bytes of their paths.
    pub images: Vec<ImageSource>,
    /// The files in folders and archives that are not images.
    pub left_out: LeftOut,
}

/// Returns the images that `arguments` name.
///
/// - A file is taken whatever it is, except that a zip or tar archive stands for the images in it.
/// - A folder stands for the images in it and in all folders below it. Links are followed, but a folder is searched only once.
///   A file is an image if its content is that of a picture, whatever its name is, or if its name ends like that of a picture.
///   In the latter case decoding may fail, and says why. Everything else is [left out](FoundImages::left_out).
///
/// An image that is named several times appears once, where it is named first.
///
/// # Errors
/// When no argument is given, a path does not exist, a folder or archive cannot be read, or one has no images in it.
pub fn find_images(arguments: &[PathBuf]) -> Result<FoundImages, DataError> {
    if arguments.is_empty() {
        let remedy = "give the paths of images, of folders with images or of archives";
        return Err(DataError::file(Path::new("IMAGES"), "no path is given", remedy));
    }
    let mut found = FoundImages::default();
    for argument in arguments {
        let metadata = fs::metadata(argument).map_err(|source| DataError::read(argument, explained(argument, source)))?;
        if metadata.is_dir() {
            images_below(argument, &mut found)?;
        } else if metadata.is_file() && matches!(content_of(argument), Ok(Content::Zip | Content::Tar | Content::Compressed)) {
            images_in_archive(argument, &mut found)?;
        } else {
            found.images.push(ImageSource::File(argument.clone()));
        }
    }
    let mut seen = HashSet::new();
    found.images.retain(|image| seen.insert(image.label()));
    Ok(found)
}

/// Returns the error for a folder or archive without images. It says what else was found there.
fn no_image(path: &Path, left_out: &LeftOut) -> DataError {
    let also = left_out.sentences().join("; ");
    let problem = if left_out.is_empty() { "holds no image".to_owned() } else { format!("holds no image ({also})") };
    DataError::file(path, problem, format!("name a folder or an archive with {FORMATS} pictures"))
}

/// The search through a folder and the folders below it.
struct Search<'a> {
    found: &'a mut FoundImages,
    images: Vec<PathBuf>,
    /// The folders that are searched already, without links in their paths.
    visited: HashSet<PathBuf>,
    /// Links to folders, which are followed after all folders that are no links.
    links: VecDeque<PathBuf>,
}

/// Adds the images in `folder` and below it to `found`.
fn images_below(folder: &Path, found: &mut FoundImages) -> Result<(), DataError> {
    let mut search = Search { found, images: Vec::new(), visited: HashSet::new(), links: VecDeque::new() };
    search.enter(folder).map_err(|source| DataError::read(folder, source))?;
    while let Some(link) = search.links.pop_front() {
        search.enter_or_leave_out(&link);
    }
    let Search { mut images, found, .. } = search;
    if images.is_empty() {
        return Err(no_image(folder, &found.left_out));
    }
    images.sort_by(|left, right| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()));
    found.images.extend(images.into_iter().map(ImageSource::File));
    Ok(())
}

impl Search<'_> {
    /// Searches a folder and those below it.
    fn enter(&mut self, folder: &Path) -> io::Result<()> {
        if !self.visited.insert(folder.canonicalize()?) {
            self.found.left_out.add(Reason::RepeatedFolder, folder);
            return Ok(());
        }
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        // The order of a directory differs between file systems. It decides which link to a folder is followed first.
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.examine(&entry.path(), &entry)?;
        }
        Ok(())
    }

    fn enter_or_leave_out(&mut self, folder: &Path) {
        if self.enter(folder).is_err() {
            self.found.left_out.add(Reason::Unreadable, folder);
        }
    }

    /// Searches an entry of a folder if it is a folder, and otherwise decides whether it is an image.
    fn examine(&mut self, path: &Path, entry: &fs::DirEntry) -> io::Result<()> {
        let name = entry.file_name();
        let mut kind = entry.file_type()?;
        let is_link = kind.is_symlink();
        let is_hidden = name.as_encoded_bytes().starts_with(b".") && !name.as_encoded_bytes().starts_with(b"._");
        if is_hidden {
            self.found.left_out.add(Reason::Hidden, path);
            return Ok(());
        }
        if is_link {
            match fs::metadata(path) {
                Ok(target) => kind = target.file_type(),
                // The name promises a picture, so the attempt to decode it shall report what is wrong.
                Err(_) if has_extension(path, &PICTURE_EXTENSIONS) => self.images.push(path.to_path_buf()),
                Err(error) => {
                    let missing = error.kind() == io::ErrorKind::NotFound;
                    self.found.left_out.add(if missing { Reason::DanglingLink } else { Reason::Unreadable }, path);
                }
            }
        }
        if kind.is_dir() {
            if is_link {
                self.links.push_back(path.to_path_buf());
            } else {
                self.enter_or_leave_out(path);
            }
        } else if special_file(kind).is_some() {
            self.found.left_out.add(Reason::Special, path);
        } else if kind.is_file() {
            match reason_against(path, || content_of(path)) {
                None => self.images.push(path.to_path_buf()),
                Some(reason) => self.found.left_out.add(reason, path),
            }
        }
        Ok(())
    }
}

/// Returns why a file is not an image, or `None` if it is one.
fn reason_against(path: &Path, content: impl FnOnce() -> io::Result<Content>) -> Option<Reason> {
    let is_named_like_one = has_extension(path, &PICTURE_EXTENSIONS);
    let may_hold_attributes = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"));
    // Files that are named like pictures need not be opened here. If they are none, decoding reports them.
    if is_named_like_one && !may_hold_attributes {
        return None;
    }
    match content() {
        Ok(Content::Picture(_) | Content::Unsupported(_)) => None,
        Ok(Content::AppleDouble) => Some(Reason::AppleDouble),
        _ if is_named_like_one => None,
        Ok(Content::Zip | Content::Tar | Content::Compressed) => Some(Reason::Archive),
        Ok(Content::Other) => Some(Reason::NotAPicture),
        Err(_) => Some(Reason::Unreadable),
    }
}

/// Recognises a regular file by its content.
fn content_of(path: &Path) -> io::Result<Content> {
    let mut start = Vec::with_capacity(content::LENGTH);
    File::open(path)?.take(content::LENGTH as u64).read_to_end(&mut start)?;
    Ok(content::recognise(path, &start))
}

/// Adds the images in an archive to `found`.
fn images_in_archive(path: &Path, found: &mut FoundImages) -> Result<(), DataError> {
    let before = found.images.len();
    for member in Archive::open(path)?.files() {
        let label = member.label();
        let inside = label.strip_prefix(path).unwrap_or(&label);
        let hidden =
            |part: &std::ffi::OsStr| part.as_encoded_bytes().starts_with(b".") && !part.as_encoded_bytes().starts_with(b"._");
        let content = || member.read(content::LENGTH as u64).map(|start| content::recognise(&label, &start));
        let reason = if inside.iter().any(hidden) { Some(Reason::Hidden) } else { reason_against(&label, content) };
        match reason {
            Some(reason) => found.left_out.add(reason, &label),
            None => {
                member.check()?;
                found.images.push(ImageSource::Member(member));
            }
        }
    }
    if found.images.len() == before { Err(no_image(path, &found.left_out)) } else { Ok(()) }
}

/// Returns whether the path ends like that of a picture.
pub(super) fn has_image_extension(path: &Path) -> bool {
    has_extension(path, &PICTURE_EXTENSIONS)
}

#[cfg(test)]
mod tests;

//! Writes files atomically: a file is either complete, or it is not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::DataError;

/// Writes the file `path` atomically. The content is written to a temporary file in the same folder, which is flushed, synced
/// to the disk and then renamed to `path`.
///
/// `write` writes the content, and its value is returned. A reader of `path` sees either the old content or all of the new
/// content. When `write` or the operating system fails, the old file is left as it was and the temporary file is removed. If
/// `path` is a symbolic link, the file it points to is replaced, not the link.
///
/// # Errors
/// [`DataError::Write`] when the folder is missing or not writable, when `path` is a folder or a device, or when `write` fails.
pub fn write_atomically<T>(path: &Path, write: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<T>) -> Result<T, DataError> {
    let failed = |source: io::Error| DataError::Write { path: path.to_path_buf(), remedy: remedy(&source), source };
    let target = target_of(path).map_err(failed)?;
    let folder = match target.parent() {
        Some(parent) if parent != Path::new("") => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };

    let mut temporary = temporary_file(&folder).map_err(failed)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    let value = write(&mut writer).map_err(failed)?;
    writer.flush().map_err(failed)?;
    drop(writer);
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(&target).map_err(|refused| failed(refused.error))?;
    sync_folder(&folder).map_err(failed)?;
    Ok(value)
}

/// Writes a file that does not exist yet, completely or not at all.
///
/// # Errors
/// [`DataError::Write`] if the file exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let failed = |source: io::Error| DataError::Write { path: path.to_path_buf(), remedy: remedy(&source), source };
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let mut temporary = temporary_file(folder).map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist_noclobber(path).map_err(|refused| failed(refused.error))?;
    sync_folder(folder).map_err(failed)
}

/// Returns the file to replace: `path` itself, or the file it links to. A device or a pipe is refused, because renaming a file
/// to its path would destroy it.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
        Ok(found) if !found.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
        Ok(_) => path.canonicalize(),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(path.to_path_buf()),
        Err(refused) => Err(refused),
    }
}

/// Returns what the user can do about an error.
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "create its folder first",
        io::ErrorKind::NotADirectory => "a part of the path is a file, not a folder; name another folder",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "choose a folder you may write to",
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => "name a file to create or replace",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::FileTooLarge => "free some space, or raise the limit on the size of a file",
        _ => "nothing was written",
    }
}

fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = format!("{PARTIAL_PREFIX}{}-", std::process::id());
    builder.prefix(&prefix).suffix(PARTIAL_SUFFIX);
    // `tempfile` makes files that only their owner can read. This one becomes the result, so it gets the permissions of an
    // ordinary new file: the operating system applies the umask to them.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The names of temporary files: the prefix, the number of the process, random letters, and the suffix.
const PARTIAL_PREFIX: &str = ".lineament-";
const PARTIAL_SUFFIX: &str = ".partial";
/// The age from which a temporary file counts as abandoned if it is unknown whether its process still runs.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes the temporary files in a folder whose programs were killed before they could do so. Files that cannot be removed are
/// left, because they disturb nothing.
pub fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name.to_str().and_then(|name| name.strip_prefix(PARTIAL_PREFIX)?.strip_suffix(PARTIAL_SUFFIX));
        let Some(random) = random else { continue };
        let process = random.split_once('-').and_then(|(process, _)| process.parse().ok());
        let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
        let is_old = age.is_some_and(|age| age > ABANDONED_AFTER);
        if process.and_then(is_running).map_or(is_old, |running| !running) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Returns whether a process runs, if the operating system can say so.
fn is_running(process: u32) -> Option<bool> {
    let processes = Path::new("/proc/self").exists();
    processes.then(|| Path::new("/proc").join(process.to_string()).exists())
}

/// Syncs the folder to the disk, so that the renaming survives a power failure. Windows has no such call and needs none.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn replaces_the_whole_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's \"here\" & <there>.csv");
        for text in ["a long first version", "short"] {
            write_atomically(&path, |writer| writer.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(entries(folder.path()), 1);
    }

    #[test]
    fn a_failure_half_way_keeps_the_old_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        fs::write(&path, "old").unwrap();
        let failed = write_atomically(&path, |writer| {
            writer.write_all(b"new, but not all of it")?;
            Err::<(), _>(io::Error::other("the GPU went away"))
        });
        assert!(failed.unwrap_err().to_string().contains("the GPU went away"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(entries(folder.path()), 1);
    }

    #[test]
    fn what_killed_programs_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        // No process has this number: it is above the largest that Linux assigns.
        let (dead, own) = (".lineament-4194305-Xy9.partial", format!(".lineament-{}-Xy9.partial", std::process::id()));
        let (unknown, old) = (".lineament-Xy9.partial", ".lineament-old.partial");
        for name in [dead, &own, unknown, old, "lineament.partial", "a.csv"] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * ABANDONED_AFTER;
        File::options().write(true).open(folder.path().join(old)).unwrap().set_modified(long_ago).unwrap();
        remove_abandoned(folder.path());
        let left = |name: &str| folder.path().join(name).exists();
        assert!(!left(old) && left(&own) && left(unknown) && left("lineament.partial") && left("a.csv"));
        assert_eq!(left(dead), !cfg!(target_os = "linux"));
    }

    #[test]
    fn says_what_to_do_about_a_path_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let cases = [
            ("missing/table.csv", "create its folder first"),
            ("file/table.csv", "name another folder"),
            ("", "name a file to create or replace"),
        ];
        for (name, advice) in cases {
            let message = write_atomically(&folder.path().join(name), |_| Ok(())).unwrap_err().to_string();
            assert!(message.contains(advice), "{name}: {message}");
        }
        assert_eq!(entries(folder.path()), 1);
    }

    #[cfg(unix)]
    #[test]
    fn refuses_a_device_and_follows_a_link() {
        let refused = write_atomically(Path::new("/dev/null"), |_| Ok(())).unwrap_err();
        assert!(refused.to_string().contains("not a regular file"));

        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, |writer| writer.write_all(b"new")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }
}

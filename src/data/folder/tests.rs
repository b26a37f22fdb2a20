//! Tests of the search for images.

use super::*;
use crate::data::archive::samples::archive;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and more";

/// Writes files of these names and contents below a folder.
fn write(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn labels(found: &FoundImages, folder: &Path) -> Vec<String> {
    let label = |image: &ImageSource| image.label().strip_prefix(folder).unwrap().display().to_string();
    found.images.iter().map(label).collect()
}

fn counts(found: &FoundImages) -> Vec<(&'static str, usize)> {
    found.left_out.counts().map(|(reason, count)| (reason.key(), count)).collect()
}

#[test]
fn a_folder_stands_for_the_images_below_it_and_a_file_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("b.jpg", b""),
            ("a.PNG", PNG),
            ("B.webp", b"damaged"),
            ("it's \"a\" <b>.bmp", b""),
            ("no ending", PNG),
            ("wrong.txt", PNG),
            ("phone.dat", b"\0\0\0\x18ftypheic\0\0\0\0"),
            ("sub.jpg/deeper/c.tiff", b""),
            ("notes.txt", b"not a picture"),
            ("labels.csv", b"image,Male"),
            (".thumbnails/a.jpg", PNG),
            (".DS_Store", b""),
            ("._b.jpg", b"\x00\x05\x16\x07\0\0"),
            ("._really.jpg", PNG),
            ("more.zip", b"PK\x03\x04"),
        ],
    );
    let found = find_images(&[folder.path().join("notes.txt"), folder.path().into(), folder.path().join("a.PNG")]).unwrap();
    let expected = [
        "notes.txt",
        "._really.jpg",
        "B.webp",
        "a.PNG",
        "b.jpg",
        "it's \"a\" <b>.bmp",
        "no ending",
        "phone.dat",
        "sub.jpg/deeper/c.tiff",
        "wrong.txt",
    ];
    assert_eq!(labels(&found, folder.path()), expected);
    assert_eq!(counts(&found), [("not_a_picture", 2), ("macos_attributes", 1), ("hidden", 2), ("archive", 1)]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_no_folder_is_searched_twice() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(folder.path(), &[("z/a.jpg", PNG), ("z/deep/b.jpg", PNG)]);
    write(elsewhere.path(), &[("c.jpg", PNG)]);
    symlink("..", at("z/deep/up")).unwrap();
    symlink(".", at("self")).unwrap();
    symlink("z", at("a link to z")).unwrap();
    symlink(elsewhere.path(), at("outside")).unwrap();
    symlink(elsewhere.path(), at("outside again")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("nowhere", at("dangling.jpg")).unwrap();
    symlink(at("ring 2"), at("ring 1")).unwrap();
    symlink(at("ring 1"), at("ring 2")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket.jpg")).unwrap();
    let found = find_images(&[folder.path().into()]).unwrap();
    assert_eq!(labels(&found, folder.path()), ["dangling.jpg", "outside/c.jpg", "z/a.jpg", "z/deep/b.jpg"]);
    assert_eq!(counts(&found), [("special_file", 1), ("repeated_folder", 4), ("dangling_link", 1), ("unreadable", 2)]);
}

#[test]
fn an_archive_stands_for_the_images_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let zip: [(&str, &[u8]); 7] = [
        ("faces/b.jpg", b"x"),
        ("faces/a", PNG),
        ("__MACOSX/faces/._b.jpg", b"\x00\x05\x16\x07\0\0"),
        ("faces/", b""),
        ("readme.txt", b"text"),
        (".git/a.jpg", PNG),
        ("inner.tar", b"PK\x03\x04"),
    ];
    write(folder.path(), &[("faces.zip", &archive(&zip)), ("empty.zip", &archive(&zip[4..]))]);
    let found = find_images(&[folder.path().join("faces.zip")]).unwrap();
    assert_eq!(labels(&found, folder.path()), ["faces.zip/faces/a", "faces.zip/faces/b.jpg"]);
    assert_eq!(counts(&found), [("not_a_picture", 1), ("macos_attributes", 1), ("hidden", 1), ("archive", 1)]);
    let message = find_images(&[folder.path().join("empty.zip")]).unwrap_err().to_string();
    assert!(message.contains("empty.zip: holds no image (left out 1 file, not pictures"), "{message}");
}

#[test]
fn says_what_is_wrong_with_a_path() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("text/notes.txt", b"text"), ("faces.tar.gz", b"\x1f\x8b\x08"), ("cut.zip", b"PK\x03\x04")]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let cases = [
        (vec![], "no path is given"),
        (vec!["empty"], "empty: holds no image; name a folder"),
        (vec!["text"], "holds no image (left out 1 file, not pictures by their content: "),
        (vec!["missing.jpg"], "missing.jpg: cannot be read"),
        (vec!["faces.tar.gz"], "faces.tar.gz: a compressed file"),
        (vec!["cut.zip"], "cut.zip: not a whole zip"),
    ];
    for (names, expected) in cases {
        let arguments: Vec<PathBuf> = names.into_iter().map(|name| folder.path().join(name)).collect();
        let message = find_images(&arguments).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

//! Tests of `lineament train` with images that cannot be read, and with CelebA as it is downloaded.

use super::*;

#[test]
fn an_unreadable_image_stops_training_or_is_left_out_by_choice() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(12);
    let data = faces.path().to_string_lossy().into_owned();
    let (unreadable, extra) = (faces.path().join("05.jpg"), faces.path().join("not listed.jpg"));
    let whole = std::fs::read(&unreadable).unwrap();
    let damaged = vec![b'?'; whole.len()];
    std::fs::write(&unreadable, &damaged).unwrap();
    std::fs::write(&extra, b"").unwrap();
    let run = |name: &str| faces.path().join(name).to_string_lossy().into_owned();
    let train = |name: &str, more: &[&str]| {
        let out = run(name);
        let base = ["train", "--data", &data, "--out", &out, "--weights", BACKBONE, "--epochs", "2", "--batch", "4"];
        lineament(&[&base[..], more].concat())
    };
    let stops = |output: Output| {
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        for part in ["05.jpg", "--skip-unreadable", "1 images have no row in the label list"] {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    };
    let skips = |output: Output| {
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{message}");
        assert_eq!(message.matches("skipped: ").count(), 1, "{message}");
        assert!(message.contains("05.jpg") && message.contains("1 of 12 images cannot be read"), "{message}");
    };
    let read = |name: &str, file: &str| std::fs::read(Path::new(&run(name)).join(file)).unwrap();

    stops(train("stopped", &[]));
    skips(train("stopped", &["--skip-unreadable"]));
    skips(train("straight", &["--skip-unreadable"]));
    // A run that was interrupted and resumed gives the same bytes. Here only the first rows of its features are kept.
    let rows = read("straight", "features.f32");
    let width = rows.len() / 12;
    std::fs::create_dir(run("resumed")).unwrap();
    std::fs::write(Path::new(&run("resumed")).join("features.f32"), &rows[..7 * width + 5]).unwrap();
    std::fs::write(Path::new(&run("resumed")).join("features.json"), read("straight", "features.json")).unwrap();
    skips(train("resumed", &["--skip-unreadable"]));
    for file in ["features.f32", "history.csv", "metrics.csv", "checkpoints/last.safetensors", "model.safetensors"] {
        assert_eq!(read("stopped", file), read("straight", file), "{file}");
        assert_eq!(read("resumed", file), read("straight", file), "{file}");
    }
    // If features lack a row, a run without --skip-unreadable still refuses the unreadable image.
    stops(train("straight", &["--resume"]));

    // Once the image can be read, its row is computed.
    std::fs::write(&unreadable, &whole).unwrap();
    std::fs::remove_dir_all(Path::new(&run("resumed")).join("checkpoints")).unwrap();
    for (name, more) in [("resumed", &["--skip-unreadable"][..]), ("sound", &[])] {
        let output = train(name, more);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("cannot be read"), "{}", text(&output.stderr));
    }
    assert_eq!(read("resumed", "features.f32"), read("sound", "features.f32"));
    assert_eq!(read("resumed", "model.safetensors"), read("sound", "model.safetensors"));
    assert_ne!(read("sound", "history.csv"), read("straight", "history.csv"));
}

/// Returns a folder with the fixtures' CelebA lists of thirty images, and portraits as these images, in a folder or a zip
/// archive.
fn celeba(zipped: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for list in ["list_attr_celeba.txt", "list_eval_partition.txt"] {
        std::fs::copy(Path::new("kernels-tests/golden/io/celeba").join(list), folder.path().join(list)).unwrap();
    }
    let images: Vec<(String, Vec<u8>)> =
        (0..30).map(|index| (format!("img_align_celeba/{:06}.jpg", index + 1), std::fs::read(face(index)).unwrap())).collect();
    if zipped {
        let mut writer = zip::ZipWriter::new(std::fs::File::create(folder.path().join("img_align_celeba.zip")).unwrap());
        for (name, bytes) in &images {
            writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, bytes).unwrap();
        }
        writer.finish().unwrap();
    } else {
        std::fs::create_dir(folder.path().join("img_align_celeba")).unwrap();
        for (name, bytes) in &images {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
    }
    folder
}

#[test]
fn celeba_is_trained_on_from_its_zip_as_from_its_folder() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (unpacked, zipped) = (celeba(false), celeba(true));
    let path = |folder: &tempfile::TempDir, name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let runs = tempfile::tempdir().unwrap();
    let sources = [path(&unpacked, ""), path(&zipped, ""), path(&zipped, "img_align_celeba.zip")];
    let train = |data: &str, out: &str, more: &[&str]| {
        let base = ["train", "--data", data, "--out", out, "--weights", BACKBONE, "--epochs", "1"];
        lineament(&[&base[..], more].concat())
    };
    for (index, data) in sources.iter().enumerate() {
        let output = train(data, &path(&runs, &index.to_string()), &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("20 training images, 5 validation images, 37 attributes"));
        for file in ["features.f32", "model.safetensors", "metrics.csv"] {
            let read = |run: &str| std::fs::read(runs.path().join(run).join(file)).unwrap();
            assert!(read("0") == read(&index.to_string()), "{file} of {data}");
        }
    }

    // Most faces lack the first attribute and are dropped; all that are left have it.
    let dropped = ["--attributes", "5_o_Clock_Shadow", "--drop-zero"];
    let message = text(&train(&sources[1], &path(&runs, "dropped"), &dropped).stderr);
    let kept = message.split("data: ").nth(1).unwrap_or_default();
    for part in
        ["images without any of the attributes were dropped", "all training images have the same label for 5_o_Clock_Shadow"]
    {
        assert!(message.contains(part), "{message}");
    }
    assert!(!kept.starts_with("20 training"), "{message}");

    // If a picture in the archive is replaced, its features are computed again. This one does not have the checksum that it
    // should.
    let archive = zipped.path().join("img_align_celeba.zip");
    let replaced = celeba(true);
    let mut bytes = std::fs::read(replaced.path().join("img_align_celeba.zip")).unwrap();
    let entry = bytes.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    bytes[entry + 16] ^= 1; // its CRC-32 in the directory
    std::fs::write(&archive, &bytes).unwrap();
    let out = path(&runs, "2");
    refused(
        &["train", "--data", &sources[2], "--out", &out, "--weights", BACKBONE, "--epochs", "1", "--resume"],
        1,
        &["cannot be extracted", "checksum"],
    );

    std::fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
    let out = path(&runs, "none");
    refused(&["train", "--data", &sources[2], "--out", &out], 1, &["img_align_celeba.zip: not a whole zip", "download"]);
    assert!(!Path::new(&out).exists());
}

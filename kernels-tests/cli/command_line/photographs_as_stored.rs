//! Tests of pictures as people have them: stored sideways, in folders of folders, in archives, and among other files.

use std::fs;
use std::io::{Cursor, Write};

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, RgbImage, metadata::Orientation};

use super::*;

/// Exif metadata whose only entry is an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

/// Returns the pixels that a camera stores for an upright picture with this orientation.
fn as_stored(upright: &RgbImage, orientation: u8) -> RgbImage {
    // 6 and 8 turn the picture in opposite directions, and every other orientation undoes itself.
    let back = match orientation {
        6 => 8,
        8 => 6,
        other => other,
    };
    let mut stored = DynamicImage::ImageRgb8(upright.clone());
    stored.apply_orientation(Orientation::from_exif(back).unwrap());
    stored.into_rgb8()
}

fn encoded(picture: &RgbImage, format: &str, orientation: u8) -> Vec<u8> {
    fn with(mut encoder: impl ImageEncoder, picture: &RgbImage, exif: Vec<u8>) {
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
    }
    let mut bytes = Cursor::new(Vec::new());
    match format {
        // Blocks of 8 × 8 pixels without subsampling and with the finest quantisation change no decision.
        "jpg" => with(JpegEncoder::new_with_quality(&mut bytes, 100), picture, exif(orientation)),
        "png" => with(PngEncoder::new(&mut bytes), picture, exif(orientation)),
        _ => with(WebPEncoder::new_lossless(&mut bytes), picture, exif(orientation)),
    }
    bytes.into_inner()
}

fn upright() -> RgbImage {
    let picture = lineament::data::decode(&face(3)).unwrap();
    RgbImage::from_raw(picture.width, picture.height, picture.pixels).unwrap()
}

fn table(output: &Output) -> lineament::data::AttributeTable {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attributes.csv");
    fs::write(&path, &output.stdout).unwrap();
    lineament::data::AttributeTable::read(&path).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

/// A phone stores a picture as its sensor reads it. All eight orientations in three formats must give the attributes of the
/// upright picture: in PNG and WebP exactly, in JPEG up to its losses.
#[test]
fn every_orientation_gives_the_upright_pictures_attributes() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, model) = model();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    let upright = upright();
    for orientation in 1..=8 {
        let stored = as_stored(&upright, orientation);
        assert_eq!(stored.dimensions() == upright.dimensions(), orientation < 5 || upright.width() == upright.height());
        for format in ["jpg", "png", "webp"] {
            fs::write(images.join(format!("{orientation}.{format}")), encoded(&stored, format, orientation)).unwrap();
        }
    }
    let images = images.to_string_lossy().into_owned();
    let applied = table(&lineament(&["predict", &images, "--model", &model]));
    let ignored = table(&lineament(&["predict", &images, "--model", &model, "--ignore-orientation"]));
    assert_eq!(applied.images.len(), 24);
    let of = |name: &str| applied.images.iter().position(|image| image.ends_with(name)).unwrap();
    let expected = applied.row(of("/1.png"));
    let mut moved = 0;
    for (index, name) in applied.images.iter().enumerate() {
        let tolerance = if name.ends_with("jpg") { 0.02 } else { 0.0 };
        for (found, expected) in applied.row(index).iter().zip(expected) {
            assert!((found - expected).abs() <= tolerance, "{name}: {:?} instead of {expected:?}", applied.row(index));
        }
        moved += usize::from(applied.row(index) != ignored.row(index));
    }
    assert_eq!(moved, 21, "without the orientation only the upright pictures keep their attributes");

    // The report shows the pictures as the prediction saw them.
    let run = folder.path().join("run").to_string_lossy().into_owned();
    assert!(lineament(&["predict", &images, "--model", &model, "--run", &run, "--ignore-orientation"]).status.success());
    let config: serde_json::Value = serde_json::from_slice(&fs::read(Path::new(&run).join("config.json")).unwrap()).unwrap();
    assert_eq!(config["predict"]["orientation"], "ignored");
}

/// Writes a folder of folders with pictures under all kinds of names, and other files among them.
fn collection(folder: &Path) {
    let upright = upright();
    let png = encoded(&upright, "png", 1);
    for name in ["holiday/day 1/a.png", "holiday/day 2/b", "c.jpg", "é.png"] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &png).unwrap();
    }
    for format in ["gif", "tiff", "bmp"] {
        upright.save(folder.join(format!("d.{format}"))).unwrap();
    }
    fs::write(folder.join("notes.txt"), "not a picture").unwrap();
    fs::write(folder.join("._c.jpg"), b"\x00\x05\x16\x07\0\x02\0\0").unwrap();
    fs::write(folder.join("phone.heic"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    fs::write(folder.join("web.avif"), b"\0\0\0\x1cftypavif\0\0\0\0avifmif1").unwrap();
}

#[test]
fn everything_in_a_collection_is_used_or_counted_by_reason() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, model) = model();
    let photos = folder.path().join("photos");
    collection(&photos);
    #[cfg(unix)]
    {
        use std::os::unix::{ffi::OsStrExt, fs::symlink};
        let png = fs::read(photos.join("c.jpg")).unwrap();
        fs::write(photos.join(std::ffi::OsStr::from_bytes(b"caf\xe9.png")), &png).unwrap();
        fs::write(photos.join(std::ffi::OsStr::from_bytes(b"caf\xe8.png")), &png).unwrap();
        symlink("..", photos.join("holiday/up")).unwrap();
        assert!(Command::new("mkfifo").arg(photos.join("pipe.jpg")).status().unwrap().success());
    }
    let (run, photos) = (folder.path().join("run"), photos.to_string_lossy().into_owned());
    let output = lineament(&["predict", &photos, "--model", &model, "--run", &run.to_string_lossy(), "--json"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for part in [
        "not pictures by their content: ",
        "macOS attributes",
        "2 of ",
        "(2 unsupported format)",
        "phone.heic: HEIC pictures are not supported; convert it to JPEG",
        "web.avif: AVIF pictures are not supported",
    ] {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&fs::read(run.join("config.json")).unwrap()).unwrap();
    assert_eq!((&summary["left_out"], &summary["unreadable"]["unsupported format"]), (&config["predict"]["left_out"], &2.into()));
    assert_eq!((&summary["left_out"]["not_a_picture"], &summary["left_out"]["macos_attributes"]), (&1.into(), &1.into()));
    let table = lineament::data::AttributeTable::read(&run.join("attributes.csv")).unwrap();
    let mut names: Vec<&str> = table.images.iter().map(|name| name.strip_prefix(&format!("{photos}/")).unwrap()).collect();
    if cfg!(unix) {
        assert_eq!((&summary["left_out"]["special_file"], &summary["left_out"]["repeated_folder"]), (&1.into(), &1.into()));
        assert_eq!((names.remove(1), names.remove(1)), (r"caf\xE8.png", r"caf\xE9.png"));
    }
    assert_eq!(names, ["c.jpg", "d.bmp", "d.gif", "d.tiff", "holiday/day 1/a.png", "holiday/day 2/b", "é.png"]);
    // All but the GIF, which has 256 colours, are the same picture.
    for (name, row) in table.images.iter().enumerate().map(|(index, name)| (name, table.row(index))) {
        assert!(name.ends_with("gif") || row == table.row(0), "{name}");
    }

    // The pictures are found again by their names.
    let run = run.to_string_lossy().into_owned();
    assert_eq!(lineament(&["cluster", "--run", &run, "--k", "1"]).status.code(), Some(0));
    let report = lineament(&["report", &run]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
}

#[test]
fn archives_are_predicted_as_their_folders() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, model) = model();
    let photos = folder.path().join("photos");
    collection(&photos);
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let mut members: Vec<PathBuf> =
        lineament::data::find_images(std::slice::from_ref(&photos)).unwrap().images.iter().map(|image| image.label()).collect();
    members.push(photos.join("notes.txt"));
    let inside = |path: &Path| path.strip_prefix(&photos).unwrap().to_string_lossy().into_owned();
    let mut zip = zip::ZipWriter::new(fs::File::create(at("photos.zip")).unwrap());
    let mut tar = tar::Builder::new(fs::File::create(at("photos.tar")).unwrap());
    for member in &members {
        zip.start_file(inside(member), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&fs::read(member).unwrap()).unwrap();
        tar.append_path_with_name(member, inside(member)).unwrap();
    }
    zip.finish().unwrap();
    tar.finish().unwrap();
    let rows = |source: &str| {
        let output = lineament(&["predict", source, "--model", &model]);
        assert!(text(&output.stderr).contains("left out 1 file, not pictures"), "{source}: {}", text(&output.stderr));
        let table = table(&output);
        let names: Vec<String> =
            table.images.iter().map(|name| name.strip_prefix(&format!("{source}/")).unwrap().to_owned()).collect();
        (names, table.values)
    };
    fs::remove_file(photos.join("._c.jpg")).unwrap();
    let expected = rows(&at("photos"));
    assert_eq!(expected.0.len(), 7);
    assert_eq!(rows(&at("photos.zip")), expected);
    assert_eq!(rows(&at("photos.tar")), expected);

    // The report finds the pictures in the archive.
    let run = at("run");
    lineament(&["predict", &at("photos.zip"), "--model", &model, "--run", &run]);
    assert_eq!(lineament(&["cluster", "--run", &run, "--k", "1"]).status.code(), Some(0));
    let report = lineament(&["report", &run]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
}

#[test]
fn a_result_never_replaces_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    for index in 0..2 {
        fs::copy(face(index), at(&format!("{index}.jpg"))).unwrap();
    }
    fs::write(at("attributes.csv"), "image,Male\na,0\nb,1\n").unwrap();
    fs::write(at("labels.csv"), "image,Male,partition\n0.jpg,0,0\n1.jpg,1,1\n").unwrap();
    fs::copy(BACKBONE, at("model.safetensors")).unwrap();
    let here = at("");
    let before: Vec<Vec<u8>> =
        ["0.jpg", "attributes.csv", "labels.csv", "model.safetensors"].map(|name| fs::read(at(name)).unwrap()).into();
    let cases: [&[&str]; 7] = [
        &["predict", &at("0.jpg"), &at("1.jpg"), "--out", &at("0.jpg")],
        &["predict", &here, "--model", &at("model.safetensors"), "--out", &at("model.safetensors")],
        &["augment", &at("0.jpg"), "--out", &at("0.jpg")],
        &["cluster", "--attributes", &at("attributes.csv"), "--k", "2", "--out", &at("attributes.csv")],
        &["eval", "--data", &here, "--labels", &at("attributes.csv"), "--out", &here],
        &["train", "--data", &here, "--weights", &at("model.safetensors"), "--out", &here],
        &["report", &here, "--out", &at("attributes.csv")],
    ];
    for arguments in cases {
        refused(arguments, 2, &["is read by this command and would be overwritten"]);
    }
    let after: Vec<Vec<u8>> =
        ["0.jpg", "attributes.csv", "labels.csv", "model.safetensors"].map(|name| fs::read(at(name)).unwrap()).into();
    assert!(before == after);
}

#[test]
fn what_can_be_checked_before_the_work_is_checked_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let out = at("run");
    let face = face(0).to_string_lossy().into_owned();
    for (more, parts) in [
        (&["--learning-rate", "0"][..], &["--learning-rate is 0", "above 0"][..]),
        (&["--learning-rate", "-1"], &["--learning-rate is -1"]),
        (&["--batch", "1"], &["--batch", "at least 2"]),
        (&["--batch", "65", "--micro-batch", "32"], &["--micro-batch 32 leaves a part of one image"]),
        (&["--dropout", "1.5"], &["--dropout is 1.5", "from 0 to 0.99"]),
        (&["--label-smoothing", "1"], &["--label-smoothing is 1"]),
        (&["--weight-decay", "0.1"], &["--weight-decay does not go with --optimizer adadelta"]),
        (&["--optimizer", "sgd", "--momentum", "0", "--nesterov"], &["--nesterov", "--momentum 0"]),
        (&["--optimizer", "sgd", "--momentum", "2"], &["--momentum is 2"]),
        (&["--warm-up", "0.1"], &["--warm-up is an option of --schedule cosine"]),
        (&["--batch-norm-momentum", "0.9"], &["--batch-norm-momentum", "--trainable head"]),
        (&["--trainable", "all", "--frozen-batch-norm", "keras2"], &["--frozen-batch-norm"]),
    ] {
        let base = ["train", "--data", FACES, "--out", &out];
        refused(&[&base[..], more].concat(), 2, parts);
        assert!(!Path::new(&out).exists(), "{more:?}");
    }
    for (method, setting, value) in
        [("dbscan", "--eps", "-1"), ("birch", "--threshold", "-1"), ("optics", "--xi", "1"), ("spectral", "--gamma", "0")]
    {
        let arguments = ["cluster", "--attributes", "no.csv", "--method", method, setting, value, "--k", "2"];
        let count = if matches!(method, "dbscan" | "optics") { 7 } else { 9 };
        refused(&arguments[..count], 2, &[&format!("{setting} is {value}")]);
    }
    if cfg!(unix) {
        refused(&["predict", &face, "--out", "/dev/null"], 1, &["/dev/null", "not a regular file"]);
    }
    refused(&["predict", &face, "--out", &at("")], 1, &["is a folder"]);
    fs::create_dir(&out).unwrap();
    fs::write(at("run/config.json"), "{").unwrap();
    refused(&["predict", &face, "--run", &out], 1, &["config.json", "remove it"]);
    refused(&["predict", &face, "--json"], 2, &["--run or --out"]);
    let table = at("table.csv");
    fs::write(&table, "image,Male,Young\na,0,1\nb,1,0\nc,1,1\n").unwrap();
    refused(&["cluster", "--attributes", &table, "--k", "2", "--select", "Male,Male"], 1, &["Male"]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere.jpg", at("link.jpg")).unwrap();
        refused(&["predict", &at("link.jpg")], 1, &["link.jpg", "a link to nowhere.jpg, which does not exist"]);
    }
}

#[test]
fn names_with_blanks_settings_by_name_and_lone_pictures_behave_as_expected() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(at("table.csv"), "image,Male,Young\na,0,1\nb,1,0\nc,1,1\n").unwrap();
    let chosen = lineament(&["cluster", "--attributes", &at("table.csv"), "--k", "2", "--select", "Male, Young"]);
    assert_eq!(chosen.status.code(), Some(0), "{}", text(&chosen.stderr));
    refused(&["cluster", "--attributes", &at("table.csv"), "--method", "optics"], 1, &["--min-samples", "5 for 3 rows"]);

    // A picture that cannot be read is a failure, not misuse, also if it is the only one.
    fs::write(at("broken.jpg"), "no picture").unwrap();
    let (_models, model) = model();
    refused(&["predict", &at("broken.jpg"), "--model", &model], 1, &["broken.jpg", "none of the images could be used"]);

    // The names of other classes are refused.
    let few: String = (0..10).map(|class| format!("class {class}\n")).collect();
    fs::write(at("ten.txt"), few).unwrap();
    let face = face(0).to_string_lossy().into_owned();
    refused(
        &["classify", &face, "--labels", &at("ten.txt"), "--weights", "weights/mobilenet_v2_imagenet.safetensors"],
        2,
        &["has 1000 classes", "ten.txt has 10 names", "--labels"],
    );
}

/// What a killed run left half-written is removed when the next one starts.
#[cfg(target_os = "linux")]
#[test]
fn partial_files_of_killed_runs_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join(".lineament-4194305-Xy9.partial");
    fs::write(&partial, "half").unwrap();
    let out = folder.path().to_string_lossy().into_owned();
    refused(&["predict", &face(0).to_string_lossy(), "--run", &out, "--model", "no/such/model"], 1, &["no/such/model"]);
    assert!(!partial.exists());
}

/// On a server without a desktop session, drivers have nothing to complain about.
#[test]
fn a_bare_shell_sees_no_errors() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_lineament"));
    program.arg("devices").env_clear();
    if let Some(path) = std::env::var_os("VK_ICD_FILENAMES") {
        program.env("VK_ICD_FILENAMES", path);
    }
    let output = program.output().expect("the program starts");
    assert!(!text(&output.stderr).contains("XDG_RUNTIME_DIR"), "{}", text(&output.stderr));
}

/// Clusters are of the attributes that they were made from. After another prediction they would be drawn beside other faces'
/// values.
#[test]
fn a_report_refuses_clusters_of_earlier_attributes() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().to_string_lossy().into_owned();
    let table = folder.path().join("attributes.csv");
    let first = "image,Male,Young\na,0,1\nb,0.75,0\nc,1,1\n";
    for more in [&[][..], &["--binary"]] {
        fs::write(&table, first).unwrap();
        assert!(lineament(&[&["cluster", "--run", &run, "--k", "2"][..], more].concat()).status.success());
        // The pictures do not exist, so the report is incomplete, but it is written.
        assert_eq!(lineament(&["report", &run]).status.code(), Some(1));
        assert!(folder.path().join("report.html").exists());
        fs::write(&table, first.replace("0.75", "0.25")).unwrap();
        refused(&["report", &run], 1, &["clusters.json was made from other attributes", "lineament cluster"]);
    }
}

//! Tests of the command line: what it prints, with which status it exits, and how it refuses bad input.

mod cluster;
mod compare;
mod convert;
mod data;
mod eval;
mod export;
mod losses;
mod network;
mod package;
mod photographs_as_stored;
mod profile;
mod reproduce;
#[path = "../../harness/requirements.rs"]
mod requirements;
mod tune;
mod wheel;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lineament::nn::weights::{StoredPrecision, StoredTensor, WeightsFile, write_weights};
use lineament::nn::{Head, keys};

const BACKBONE: &str = "kernels-tests/golden/models/mobilenet_v2_035_imagenet.safetensors";
const FACES: &str = "tools/faces";

fn lineament(arguments: &[&str]) -> Output {
    // The tests use the shipped variants, not those that a user has tuned.
    let mut program = Command::new(env!("CARGO_BIN_EXE_lineament"));
    program.args(arguments).env("LINEAMENT_TUNING", "off").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asserts that the program fails with this status and without a panic, and that its message contains every part.
fn refused(arguments: &[&str], status: i32, parts: &[&str]) {
    let output = lineament(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{arguments:?}: {message}");
    for part in parts {
        assert!(message.contains(part), "{arguments:?}: {message:?} lacks {part:?}");
    }
}

/// Returns a folder with a small head of three attributes on the narrow backbone, and the path of the head.
fn model() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(BACKBONE, folder.path().join("backbone.safetensors")).unwrap();
    let shapes = Head::shapes([1280, 8, 3]);
    let values: Vec<Vec<f32>> = shapes
        .iter()
        .enumerate()
        .map(|(tensor, shape)| {
            let count: usize = shape.iter().product();
            // Batch norm's scale and variance stay positive.
            (0..count)
                .map(|i| if tensor == 2 || tensor == 5 { 1.0 } else { ((i * 7919 + tensor) % 201) as f32 / 1000.0 - 0.1 })
                .collect()
        })
        .collect();
    let parts = Head::TENSORS.into_iter().zip(&shapes).zip(&values);
    let tensors: Vec<StoredTensor> = parts.map(|((name, shape), values)| StoredTensor { name, shape, values }).collect();
    let metadata = BTreeMap::from([
        (keys::BACKBONE_SHA256.to_string(), WeightsFile::open(Path::new(BACKBONE)).unwrap().sha256()),
        (keys::BACKBONE_FILE.to_string(), "backbone.safetensors".to_string()),
        (keys::ATTRIBUTES.to_string(), "Male,Smiling,Young".to_string()),
    ]);
    let path = folder.path().join("head.safetensors");
    write_weights(&path, &tensors, &metadata, StoredPrecision::F16).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

fn face(index: usize) -> PathBuf {
    let mut faces: Vec<PathBuf> = std::fs::read_dir(FACES).unwrap().map(|entry| entry.unwrap().path()).collect();
    faces.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    faces.sort();
    faces[index].clone()
}

#[test]
fn predict_names_what_it_cannot_read_and_does_the_rest() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, model) = model();
    let images = folder.path().join("my \"best\" <faces>, 2019");
    std::fs::create_dir(&images).unwrap();
    for index in 0..3 {
        std::fs::copy(face(index), images.join(format!("{index} & co.jpg"))).unwrap();
    }
    std::fs::write(images.join("1b broken.jpg"), b"no picture").unwrap();
    let out = folder.path().join("out.csv");
    let (images, out) = (images.to_string_lossy().into_owned(), out.to_string_lossy().into_owned());

    let output = lineament(&["predict", &images, "--model", &model, "--out", &out]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1 of 4 images could not be used"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1b broken.jpg"));
    let table = lineament::data::AttributeTable::read(Path::new(&out)).unwrap();
    assert_eq!(table.attributes, ["Male", "Smiling", "Young"]);
    assert_eq!(table.images.len(), 3);
    assert!(table.images[1].ends_with("1 & co.jpg"));

    // The bytes do not depend on the size of the batch, nor on whether they go to a file or to stdout.
    for batch in ["1", "2", "8"] {
        let output = lineament(&["predict", &images, "--model", &model, "--batch", batch]);
        assert_eq!(output.stdout, std::fs::read(&out).unwrap(), "batch {batch}");
    }
    let output = lineament(&["predict", &images, "--model", &model, "--binary"]);
    let binary = text(&output.stdout);
    let rounded: Vec<f32> = table.values.iter().map(|value| value.round_ties_even()).collect();
    let found: Vec<f32> = binary
        .lines()
        .skip(1)
        .flat_map(|line| line.rsplit(',').take(3).map(|v| v.parse().unwrap()).collect::<Vec<f32>>().into_iter().rev())
        .collect();
    assert_eq!(found, rounded);
}

#[test]
fn bad_input_is_refused_with_what_where_and_what_to_do() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, model) = model();
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let garbage = folder.path().join("garbage.safetensors");
    std::fs::write(&garbage, b"not weights at all").unwrap();
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let (empty, garbage, face) = (path(&empty), path(&garbage), path(&face(0)));
    let nowhere = path(&folder.path().join("no/such/folder/out.csv"));
    let (face, model) = (face.as_str(), model.as_str());

    refused(&["predict", "no/such/image.jpg", "--model", model], 1, &["no/such/image.jpg"]);
    refused(&["predict", &empty, "--model", model], 1, &["empty"]);
    refused(&["predict", face, "--model", "no/such/model"], 1, &["no/such/model"]);
    refused(&["predict", face, "--model", &garbage], 1, &["garbage.safetensors"]);
    refused(&["predict", face, "--model", BACKBONE], 2, &["predicts no attributes", "lineament train"]);
    refused(
        &["predict", face, "--model", model, "--backbone", "weights/mobilenet_v2_imagenet.safetensors"],
        1,
        &["SHA-256", "--backbone"],
    );
    refused(&["predict", face, "--model", model, "--out", &nowhere], 1, &["out.csv", "cannot be written"]);
    refused(&["predict", face, "--model", model, "--adapter", "Voodoo 2"], 1, &["Voodoo 2", "there are: 0 "]);
    refused(&["predict", face, "--model", model, "--backend", "glide"], 1, &["backend glide", "vulkan"]);
    refused(&["predict"], 2, &["IMAGES"]);
    refused(&["classify", face, "--weights", model], 2, &["no ImageNet classifier"]);
    assert!(!Path::new(&nowhere).exists());
}

/// A file name need not be UTF-8, and the program must not panic at it.
#[cfg(unix)]
#[test]
fn a_file_name_that_is_not_utf_8_is_refused_without_a_panic() {
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"no/such/\xff.jpg");
    let output = Command::new(env!("CARGO_BIN_EXE_lineament")).arg("predict").arg(name).output().expect("the program starts");
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("no/such/") && !message.contains("panicked"), "{message}");
}

#[test]
fn devices_lists_what_a_kernel_author_needs() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let table = text(&lineament(&["devices"]).stdout);
    for column in ["adapter", "backend", "subgroup", "f16", "timestamps", "workgroup"] {
        assert!(table.contains(column), "{table}");
    }
    let list: serde_json::Value = serde_json::from_slice(&lineament(&["devices", "--json"]).stdout).unwrap();
    assert!(list[0]["name"].is_string() && list[0]["storage_binding_bytes"].is_u64(), "{list}");
}

/// Returns a folder of faces with a label list that has two attributes and a partition.
fn labelled_faces(count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::from("image,Male,Smiling,partition\n");
    for index in 0..count {
        std::fs::copy(face(index), folder.path().join(format!("{index:02}.jpg"))).unwrap();
        let partition = if index % 4 == 3 { "validation" } else { "train" };
        list += &format!("{index:02}.jpg,{},{},{partition}\n", index % 2, index / 2 % 2);
    }
    std::fs::write(folder.path().join("labels.csv"), list).unwrap();
    folder
}

#[test]
fn a_head_is_trained_resumed_and_used() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(16);
    let data = faces.path().to_string_lossy().into_owned();
    let runs = tempfile::tempdir().unwrap();
    let run = |name: &str| runs.path().join(name).to_string_lossy().into_owned();
    let train = |name: &str, more: &[&str]| {
        let out = run(name);
        let mut arguments = vec!["train", "--data", &data, "--out", &out, "--weights", BACKBONE, "--batch", "5"];
        arguments.extend(more);
        let output = lineament(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        output
    };
    train("whole", &["--epochs", "4"]);
    let output = train("again", &["--epochs", "4"]);
    assert!(text(&output.stdout).contains("validation accuracy"), "{}", text(&output.stdout));
    let read = |name: &str, file: &str| std::fs::read(Path::new(&run(name)).join(file)).unwrap();
    for file in [
        "features.f32",
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
        "history.csv",
        "metrics.csv",
        "model.safetensors",
    ] {
        assert_eq!(read("whole", file), read("again", file), "{file} differs between two runs");
    }
    assert_eq!(text(&read("whole", "history.csv")).lines().count(), 5);

    // A run that exists is not overwritten, and cannot be continued with other settings or data.
    let (whole, again) = (run("whole"), run("again"));
    let base = ["train", "--data", &data, "--out", &whole, "--weights", BACKBONE, "--batch", "5", "--epochs", "4"];
    refused(&base, 1, &["--resume"]);
    refused(&[&base[..], &["--resume", "--seed", "7"]].concat(), 1, &["seed"]);
    refused(
        &["train", "--data", &data, "--out", &again, "--weights", "weights/mobilenet_v2_imagenet.safetensors", "--resume"],
        1,
        &["features.json"],
    );

    // A picture that is replaced by another one is noticed, even if name, length and time stay the same. Its features are
    // computed again, and the training that used the old ones cannot continue.
    let picture = faces.path().join("05.jpg");
    let original = std::fs::read(&picture).unwrap();
    let time = std::fs::metadata(&picture).unwrap().modified().unwrap();
    let mut other = std::fs::read(face(40)).unwrap();
    other.resize(original.len().max(other.len()), 0);
    std::fs::write(&picture, &other).unwrap();
    std::fs::File::options().write(true).open(&picture).unwrap().set_modified(time).unwrap();
    let features = read("whole", "features.f32");
    refused(&[&base[..], &["--resume"]].concat(), 1, &["last.safetensors: was trained with data"]);
    let row = features.len() / 16;
    let changed: Vec<bool> =
        features.chunks(row).zip(read("whole", "features.f32").chunks(row)).map(|(old, new)| old != new).collect();
    assert_eq!(changed.iter().position(|changed| *changed), Some(5));
    assert_eq!(changed.iter().filter(|changed| **changed).count(), 1);
    std::fs::write(&picture, original).unwrap();
    assert_eq!(lineament(&[&base[..], &["--resume"]].concat()).status.code(), Some(0));
    assert_eq!(read("whole", "features.f32"), features);

    let model = format!("{whole}/model.safetensors");
    let predict = ["predict", &data, "--model", &model, "--backbone", BACKBONE, "--run", &whole];
    assert_eq!(lineament(&predict).status.code(), Some(0));
    let cluster = lineament(&["cluster", "--run", &whole, "--k", "3", "--json"]);
    assert_eq!(cluster.status.code(), Some(0), "{}", text(&cluster.stderr));
    let result: serde_json::Value = serde_json::from_slice(&cluster.stdout).unwrap();
    assert_eq!((&result["method"], &result["k"]), (&"kmeans".into(), &3.into()));
    assert_eq!(result["labels"].as_array().map(Vec::len), Some(16));
    assert_eq!(result["sizes"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).sum::<u64>(), 16);
    assert!(result["silhouette"].is_f64() && result["inertia"].is_f64());
    let report = lineament(&["report", &whole]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
    assert!(text(&read("whole", "report.html")).contains("16 faces"));
}

#[test]
fn bad_labels_and_clusterings_are_refused() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(4);
    let data = faces.path().to_string_lossy().into_owned();
    let list = faces.path().join("labels.csv");
    let good = std::fs::read_to_string(&list).unwrap();
    let out = faces.path().join("run").to_string_lossy().into_owned();
    let train = ["train", "--data", &data, "--out", &out, "--weights", BACKBONE];
    for (from, to, parts) in [
        ("01.jpg,1,0", "01.jpg,1,maybe", &["labels.csv", "line 3", "maybe"][..]),
        ("01.jpg,1,0", "01.jpg,1", &["labels.csv", "line 3"]),
        ("01.jpg,1,0", "99.jpg,1,0", &["99.jpg"]),
        ("01.jpg,1,0", "00.jpg,1,0", &["labels.csv", "00.jpg"]),
        (",validation", ",test", &["none of the 4 images is for validation"]),
    ] {
        std::fs::write(&list, good.replacen(from, to, 1)).unwrap();
        refused(&train, 1, parts);
        assert!(!Path::new(&out).exists(), "{from} to {to} left a run folder");
    }
    std::fs::write(&list, &good).unwrap();
    refused(&[&train[..], &["--attributes", "Smilling"]].concat(), 1, &["Smilling", "Smiling"]);
    refused(&["train", "--data", "no/such/data", "--out", &out], 1, &["no/such/data"]);

    let table = faces.path().join("table.csv");
    std::fs::write(&table, "image,Male,Smiling\na,0,1\nb,0,1\nc,1,1\nd,1,0\n").unwrap();
    let table = table.to_string_lossy().into_owned();
    let centers = faces.path().join("centers.csv");
    std::fs::write(&centers, "0,1\n1\n").unwrap();
    let centers = centers.to_string_lossy().into_owned();
    let clusters = faces.path().join("clusters.json").to_string_lossy().into_owned();
    let cluster = |more: &[&'static str]| {
        let mut arguments: Vec<String> = ["cluster", "--attributes", &table, "--out", &clusters].map(String::from).to_vec();
        arguments.extend(more.iter().map(|word| word.to_string()));
        arguments
    };
    let refused_cluster = |more: &[&'static str], status: i32, parts: &[&str]| {
        let arguments = cluster(more);
        refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), status, parts);
    };
    refused_cluster(&["--k", "4"], 1, &["k is 4", "only 3 are distinct"]);
    refused_cluster(&["--k", "0"], 1, &["k is 0"]);
    refused_cluster(&["--k", "2", "--select", "Smile"], 1, &["Smile", "Smiling"]);
    refused_cluster(&["--k", "2", "--method", "kmean"], 2, &["kmeans"]);
    refused(&["cluster", "--attributes", &table, "--k", "2", "--init", &centers], 1, &["centers.csv"]);
    refused(&["cluster", "--attributes", "no/such.csv", "--k", "2"], 1, &["no/such.csv"]);
    refused(&["cluster", "--k", "2"], 2, &["--attributes"]);
    assert!(!Path::new(&clusters).exists());
    refused(&["report", "no/such/run"], 1, &["no/such/run"]);
}

#[test]
fn augment_shows_ten_variants_that_the_seed_decides() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let image = face(0).to_string_lossy().into_owned();
    let sheet = |name: &str, seed: &str| {
        let out = path(name);
        let output = lineament(&["augment", &image, "--seed", seed, "--size", "64", "--out", &out]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "the sheet is the result");
        std::fs::read(&out).unwrap()
    };
    let first = sheet("first.png", "7");
    assert_eq!(first, sheet("again.png", "7"));
    assert_ne!(first, sheet("other.png", "8"));
    let picture = lineament::data::decode(Path::new(&path("first.png"))).unwrap();
    assert_eq!((picture.width, picture.height), (5 * 68 + 4, 2 * 68 + 4));
    let variant = |index: usize| -> Vec<u8> {
        let (left, top) = (index % 5 * 68 + 4, index / 5 * 68 + 4);
        let row = |row: usize| 3 * (row * picture.width as usize + left)..3 * (row * picture.width as usize + left + 64);
        (top..top + 64).flat_map(|at| picture.pixels[row(at)].to_vec()).collect()
    };
    for index in 0..10 {
        let values = variant(index);
        assert!(values.iter().any(|value| *value != values[0]), "variant {index} shows nothing");
        assert!((0..index).all(|other| variant(other) != values), "variant {index} is shown twice");
    }

    let (damaged, out) = (path("damaged.png"), path("sheet.png"));
    std::fs::write(&damaged, &first[..first.len() / 2]).unwrap();
    refused(&["augment", &damaged, "--out", &out], 1, &["damaged.png"]);
    refused(&["augment", "no/such.jpg", "--out", &out], 1, &["no/such.jpg"]);
    refused(&["augment", &image], 2, &["--out"]);
    refused(&["augment", &image, "--out", &out, "--size", "0"], 2, &["--size"]);
    refused(&["augment", &image, "--out", &out, "--seed", "-1"], 2, &["-1"]);
    refused(&["augment", &image, "--out", &path("no/folder/sheet.png")], 1, &["sheet.png", "cannot be written"]);
    assert!(!Path::new(&out).exists());
}

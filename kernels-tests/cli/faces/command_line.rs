//! Tests of `lineament faces` and `lineament predict --faces`.

use std::path::Path;
use std::process::{Command, Output};

use lineament::data::{AttributeTable, decode};

use super::compose::{Numbers, compose, portraits, write};
use super::requirements;

const WITHOUT_FACE: &str = "kernels-tests/golden/imagenet-photos/coffee.png";

fn lineament(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_lineament"));
    program.args(arguments).env("LINEAMENT_TUNING", "off").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a photograph with three portraits and returns its path.
fn group(folder: &Path) -> String {
    let (photograph, _) = compose(&portraits()[..3], [1200, 900], [2, 2], &mut Numbers::new(7));
    write(&photograph, folder, "group.jpg").display().to_string()
}

#[test]
fn each_face_is_a_row_and_a_picture_without_one_is_counted_and_named() {
    if requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let group = group(folder.path());
    let run = folder.path().join("run");
    let run_text = run.display().to_string();
    let arguments = ["predict", &group, WITHOUT_FACE, "--faces", "all", "--landmarks", "--run", &run_text];
    let output = lineament(&arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("no face was found in 1 of 2 images:") && message.contains("coffee.png"), "{message}");
    let table = AttributeTable::read(&run.join("attributes.csv")).unwrap();
    assert_eq!(table.names(), [0, 1, 2].map(|face| format!("{group}#{face}")));
    let areas: Vec<f32> = table.faces.iter().map(|mark| mark.bounds[2] * mark.bounds[3]).collect();
    assert!(areas.is_sorted_by(|a, b| a >= b), "{areas:?}");
    for mark in &table.faces {
        assert!(mark.landmarks.is_some() && mark.score >= 0.8);
        let picture = decode(&run.join(mark.aligned.as_ref().unwrap())).unwrap();
        assert_eq!((picture.width, picture.height), (178, 218));
    }
    let config = std::fs::read_to_string(run.join("config.json")).unwrap();
    assert!(config.contains("face_detector.safetensors") && config.contains("\"without a face\": 1"), "{config}");
    let allowed = lineament(&[&arguments[..], &["--allow-no-face"]].concat());
    assert_eq!(allowed.status.code(), Some(0), "{}", text(&allowed.stderr));

    let largest = lineament(&["predict", &group, "--faces", "largest"]);
    let rows = text(&largest.stdout);
    assert_eq!(largest.status.code(), Some(0), "{}", text(&largest.stderr));
    assert!(rows.starts_with("image,face,box,score,5_o_Clock_Shadow,") && rows.lines().count() == 2, "{rows}");
}

#[test]
fn aligned_faces_are_written_and_predicted_as_they_are_in_the_photograph() {
    if requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let group = group(folder.path());
    let faces = folder.path().join("faces");
    let faces_text = faces.display().to_string();
    let output = lineament(&["faces", &group, "--out", &faces_text]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let list = std::fs::read_to_string(faces.join("faces.csv")).unwrap();
    assert!(list.starts_with("image,face,box,score,landmarks,aligned\n") && list.lines().count() == 4, "{list}");
    let refused = lineament(&["faces", &group, "--out", &faces_text]);
    assert!(text(&refused.stderr).contains("holds files already"), "{}", text(&refused.stderr));

    let [aligned, direct] = [vec!["predict", &faces_text], vec!["predict", &group, "--faces", "all"]].map(|arguments| {
        let output = lineament(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("aligned"), "{}", text(&output.stderr));
        let path = folder.path().join("table.csv");
        std::fs::write(&path, output.stdout).unwrap();
        AttributeTable::read(&path).unwrap()
    });
    // The pictures are rounded to bytes; everything else is the same.
    let differences = aligned.values.iter().zip(&direct.values).map(|(a, b)| (a - b).abs());
    assert_eq!(aligned.values.len(), direct.values.len());
    assert!(differences.fold(0.0, f32::max) < 0.05);
}

#[test]
fn photographs_that_are_used_as_they_are_bring_a_warning_and_faces_do_not() {
    if requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let group = group(folder.path());
    let output = lineament(&["predict", &group]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(message.contains("warning: 1 of 1 pictures") && message.contains("--faces largest"), "{message}");
    let portraits = lineament(&["predict", "tools/faces/B001257.jpg", "tools/faces/B001260.jpg"]);
    assert!(!text(&portraits.stderr).contains("warning"), "{}", text(&portraits.stderr));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let portrait = "tools/faces/B001257.jpg";
    let cases: [(&[&str], i32, &str); 5] = [
        (&["predict", portrait, "--faces", "all", "--crop", "10,0,80,80"], 2, "exclude each other"),
        (&["predict", portrait, "--landmarks"], 2, "add --faces"),
        (&["predict", portrait, "--faces", "all", "--face-score", "1.5"], 2, "choose a number from 0 to 1"),
        (&["predict", WITHOUT_FACE, "--faces", "largest"], 1, "no face was found in any of the 1 images"),
        (&["eval", "--data", "tools/faces", "--drop-unsure", "--faces", "all"], 2, "use --faces largest"),
    ];
    if requirements::lacks_adapter() {
        return;
    }
    for (arguments, status, expected) in cases {
        let output = lineament(arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn training_takes_the_largest_face_of_each_photograph_and_keeps_its_picture() {
    if requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let mut labels = "file,Male,Young,partition\n".to_string();
    let mut numbers = Numbers::new(11);
    for (index, name) in portraits()[..6].iter().enumerate() {
        let (photograph, _) = compose(std::slice::from_ref(name), [700, 600], [1, 1], &mut numbers);
        write(&photograph, &data, &format!("{index}.jpg"));
        let partition = if index < 4 { "train" } else { "validation" };
        labels += &format!("{index}.jpg,{},{},{partition}\n", index % 2, index / 2 % 2);
    }
    std::fs::copy(WITHOUT_FACE, data.join("6.png")).unwrap();
    labels += "6.png,1,1,train\n";
    std::fs::write(data.join("labels.csv"), labels).unwrap();
    let [data, run] = [data, folder.path().join("run")].map(|path| path.display().to_string());
    let backbone = "kernels-tests/golden/models/mobilenet_v2_035_imagenet.safetensors";
    let arguments = ["train", "--data", &data, "--out", &run, "--weights", backbone, "--size", "96", "--hidden", "8"];
    let arguments = [&arguments[..], &["--batch", "4", "--epochs", "1", "--faces", "largest"]].concat();
    let output = lineament(&arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("no face was found in 1 of 7 images:") && message.contains("6.png"), "{message}");
    assert!(message.contains("4 training images, 2 validation images"), "{message}");
    let faces = Path::new(&run).join("faces");
    for index in 0..6 {
        let picture = decode(&faces.join(format!("{index}_0.png"))).unwrap();
        assert_eq!((picture.width, picture.height), (178, 218));
    }
    let again = lineament(&[&arguments[..], &["--resume", "--allow-no-face"]].concat());
    assert!(text(&again.stderr).contains("made before"), "{}", text(&again.stderr));
}

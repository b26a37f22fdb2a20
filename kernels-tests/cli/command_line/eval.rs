//! Tests of `lineament eval`.

use std::path::Path;

use super::{BACKBONE, FACES, labelled_faces, lineament, model, refused, text};

#[test]
fn predictions_are_evaluated_against_labels_and_reported() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("run").to_string_lossy().into_owned();
    let attributes = "Male,Wearing_Necktie,Eyeglasses,No_Beard";
    let base = ["eval", "--data", FACES, "--attributes", attributes, "--crop", "10,0,80,80"];
    let output = lineament(&[&base[..], &["--out", &run]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("33 of the model's 37 attributes have no labels"), "{}", text(&output.stderr));
    let lines: Vec<String> =
        text(&output.stdout).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(lines.iter().any(|line| line.starts_with("Male ") && line.contains(" 98 98 75.00 ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("mean ") && line.contains(" 97.5 ")), "{lines:?}");

    // The accuracy agrees with the table of predictions and the label list.
    let read = |file: &str| std::fs::read_to_string(Path::new(&run).join(file)).unwrap();
    let table = lineament::data::AttributeTable::read(&Path::new(&run).join("attributes.csv")).unwrap();
    assert_eq!((table.images.len(), table.attributes.len()), (96, 37));
    let labels = std::fs::read_to_string(Path::new(FACES).join("labels.csv")).unwrap();
    let label_of = |image: &str| {
        let row = labels.lines().find(|line| image.ends_with(line.split(',').next().unwrap())).unwrap();
        row.split(',').nth(1).unwrap() == "1"
    };
    let male = table.attributes.iter().position(|name| name == "Male").unwrap();
    let right = (0..96).filter(|row| (table.row(*row)[male] > 0.5) == label_of(&table.images[*row])).count();
    let metrics: serde_json::Value = serde_json::from_str(&read("metrics.json")).unwrap();
    let first = &metrics["attributes"][0];
    assert_eq!((&first["attribute"], &first["frequency"]), (&"Male".into(), &0.75.into()));
    assert_eq!(first["accuracy"].as_f64(), Some(right as f64 / 96.0));
    // The shipped head was not trained on these portraits.
    assert!(first["roc_auc"].as_f64().unwrap() > 0.95, "{first}");
    assert_eq!((metrics["images"].as_u64(), &metrics["partition"]), (Some(96), &serde_json::Value::Null));
    let hamming = metrics["average_hamming_distance"].as_f64().unwrap();
    assert!((hamming - 4.0 * (1.0 - metrics["means"]["accuracy"].as_f64().unwrap())).abs() < 1e-12);
    assert_eq!(metrics["confident_mistakes"].as_array().map(Vec::len), Some(24));
    assert_eq!((read("metrics.csv").lines().count(), read("table1.csv").lines().count()), (6, 6));
    let config: serde_json::Value = serde_json::from_str(&read("config.json")).unwrap();
    assert_eq!(config["eval"]["crop"], "10,0,80,80");

    // With --json, stdout is exactly metrics.json.
    let output = lineament(&[&base[..], &["--json"]].concat());
    assert_eq!(text(&output.stdout), read("metrics.json"));

    let report = lineament(&["report", &run]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
    assert!(read("report.html").contains("The most confident mistakes"));
    let table = read("attributes.csv");
    std::fs::write(Path::new(&run).join("attributes.csv"), table.lines().take(50).collect::<Vec<_>>().join("\n")).unwrap();
    refused(&["report", &run], 1, &["metrics.json", "96 images", "49", "lineament eval"]);
}

#[test]
fn sixteen_bit_floats_are_put_beside_thirty_two() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let devices: serde_json::Value = serde_json::from_slice(&lineament(&["devices", "--json"]).stdout).unwrap();
    let attributes = "Male,Wearing_Necktie,Eyeglasses,No_Beard";
    let base = ["eval", "--data", FACES, "--attributes", attributes, "--crop", "10,0,80,80", "--json", "--precision", "f16"];
    if devices[0]["shader_f16"] != true {
        refused(&base, 1, &["no 16-bit floats", "--precision f32"]);
        return;
    }
    let output = lineament(&base);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let metrics: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let half = |name: &str| metrics["half_precision"][name].as_f64().unwrap();
    assert!(half("largest_difference") > 0.0 && half("largest_difference") < 0.1, "{}", metrics["half_precision"]);
    assert!(half("mean_difference") < 0.005 && half("decisions_changed") < 0.02, "{}", metrics["half_precision"]);
    assert!((half("accuracy_in_f32") - metrics["means"]["accuracy"].as_f64().unwrap()).abs() < 0.02);
}

#[test]
fn evaluation_takes_partitions_and_refuses_what_does_not_fit() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(8);
    let (_folder, model) = model();
    let path = |name: &str| faces.path().join(name).to_string_lossy().into_owned();
    let (data, out) = (path(""), path("run"));
    let base = ["eval", "--model", &model, "--data", &data];
    let output = lineament(&[&base[..], &["--partition", "validation", "--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let metrics: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&metrics["partition"], &metrics["images"]), (&"validation".into(), &2.into()));
    // Every fourth image is for validation, and all of these have the first attribute.
    assert_eq!(
        (&metrics["attributes"][0]["frequency"], &metrics["attributes"][0]["roc_auc"]),
        (&1.0.into(), &serde_json::Value::Null)
    );

    let run = [&base[..], &["--out", &out]].concat();
    let with = |more: &[&'static str]| [&run[..], more].concat();
    refused(&run, 1, &["no test images", "train (6 images)", "validation (2 images)", "--partition"]);
    refused(&with(&["--attributes", "Smilling"]), 1, &["Smilling", "Smiling"]);
    refused(&with(&["--partition", "dev"]), 2, &["dev", "validation"]);
    refused(&["eval", "--data", "no/such/data", "--model", &model], 1, &["no/such/data"]);
    refused(&["eval", "--data", FACES, "--model", &model], 1, &["labels.csv", "unsure"]);
    refused(
        &["eval", "--data", FACES, "--model", &model, "--drop-unsure"],
        1,
        &["6 of the 8", "Eyeglasses, Bald", "Male, Smiling, Young"],
    );
    refused(&["eval", "--data", &data, "--model", BACKBONE], 2, &["predicts no attributes"]);
    refused(&["eval", "--model", &model], 2, &["--data"]);

    let list = faces.path().join("labels.csv");
    let good = std::fs::read_to_string(&list).unwrap();
    for (from, to, parts) in [
        ("01.jpg,1,0", "99.jpg,1,0", &["labels.csv", "1 of its 8 images", "99.jpg"][..]),
        ("Smiling", "Freckles", &["1 of the 2", "Freckles", "Male, Smiling, Young"]),
    ] {
        std::fs::write(&list, good.replacen(from, to, 1)).unwrap();
        refused(&with(&["--partition", "train"]), 1, parts);
        assert!(!Path::new(&out).exists(), "{from} to {to} left a run folder");
    }

    // A picture that cannot be decoded is named, and the others are evaluated.
    std::fs::write(&list, &good).unwrap();
    std::fs::write(faces.path().join("04.jpg"), b"no picture").unwrap();
    let output = lineament(&with(&["--partition", "train"]));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("1 of 6 images could not be used"), "{}", text(&output.stderr));
    let table = std::fs::read_to_string(Path::new(&out).join("metrics.csv")).unwrap();
    let counts: Vec<f64> = table.lines().nth(1).unwrap().rsplit(',').take(4).map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts.iter().sum::<f64>(), 5.0, "{table}");
}

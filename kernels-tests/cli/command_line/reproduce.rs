//! Tests of `lineament reproduce`.

use std::path::Path;

use serde_json::Value;

use super::{BACKBONE, labelled_faces, lineament, refused, text};

/// Runs `lineament reproduce` to its end and returns stderr and stdout.
fn reproduced(arguments: &[&str]) -> [String; 2] {
    let output = lineament(&[&["reproduce"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    [text(&output.stderr), text(&output.stdout)]
}

fn json(run: &str, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(run).join(file)).unwrap()).unwrap()
}

#[test]
fn the_short_way_goes_through_every_figure_and_does_nothing_twice() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run").to_string_lossy().into_owned();
    let quick = ["--quick", "--out", &run];
    let [said, printed] = reproduced(&quick);
    assert!(said.contains("train: the paper's model (section III, training): skipped, --quick uses the shipped model"), "{said}");
    for part in
        ["What the paper says, and what we got", "90.96 %", "these are 96 portraits", "at k = ", "not trained in this run"]
    {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let reproduction = json(&run, "reproduction.json");
    let ours = |what: &str| {
        let findings = reproduction["findings"].as_array().unwrap();
        findings.iter().find(|one| one["what"] == what).unwrap()["ours"].as_str().map(String::from)
    };
    // The findings agree with the files of each step.
    let metrics = json(&run, "evaluation/metrics.json");
    let accuracy = format!("{:.2} %", 100.0 * metrics["means"]["accuracy"].as_f64().unwrap());
    assert!(ours("Accuracy").unwrap().starts_with(&accuracy));
    assert_eq!((metrics["images"].as_u64(), metrics["attributes"].as_array().map(Vec::len)), (Some(96), Some(4)));
    let clusters = json(&run, "clusters.json");
    assert!(ours("Clusters and their summaries").unwrap().starts_with(&format!("{} clusters", clusters["k"])));
    assert_eq!(json(&run, "clusters_weighted.json")["weights"], "rare");
    let comparison = json(&run, "comparison.json");
    assert_eq!((comparison["curves"].as_array().map(Vec::len), comparison["marks"].as_array().map(Vec::len)), (Some(4), Some(2)));
    assert!(ours("Weighted attributes").is_some() && ours("Loss issue: mse").is_none());
    let page = std::fs::read_to_string(Path::new(&run).join("report.html")).unwrap();
    for part in ["id=\"reproduction\"", "id=\"comparison\"", "id=\"weighting\"", "The most confident mistakes"] {
        assert!(page.contains(part), "{part}");
    }

    // In a second run, every step is skipped. A step is repeated, with all that depend on it, if its file is missing or its settings
    // have changed.
    let done = |said: &str| said.lines().filter(|line| line.ends_with(": done before")).count();
    let [said, again] = reproduced(&quick);
    assert_eq!((done(&said), again), (7, printed));
    std::fs::remove_file(Path::new(&run).join("comparison.svg")).unwrap();
    assert_eq!(done(&reproduced(&quick)[0]), 5, "compare, and the report that shows its seconds");
    let [said, _] = reproduced(&[&quick[..], &["--k", "4"]].concat());
    assert_eq!(done(&said), 4, "{said}");
    assert_eq!(json(&run, "clusters.json")["k"], 4);
    let [said, printed] = reproduced(&[&quick[..], &["--k", "4", "--only", "cluster"]].concat());
    assert!(said.contains("step 1 of 1, cluster: ") && done(&said) == 1 && printed.is_empty(), "{said} {printed}");

    // A fifth of the faces comes from another folder, as the script takes some faces from LFW. --beside names this folder.
    let other = labelled_faces(2);
    let mixed = ["--faces", "20", "--beside", &other.path().to_string_lossy(), "--only", "predict"].map(String::from);
    let [said, _] = reproduced(&[&quick[..], &mixed.each_ref().map(String::as_str)].concat());
    assert!(said.contains("the first 18 of all images by name, and the first 2 by name below"), "{said}");
    let table = std::fs::read_to_string(Path::new(&run).join("attributes.csv")).unwrap();
    let of_others = table.lines().filter(|line| line.starts_with(&*other.path().to_string_lossy())).count();
    assert_eq!((table.lines().count(), of_others), (21, 2));
    refused(&[&["reproduce"], &quick[..], &["--beside", "no/such/faces"]].concat(), 1, &["no/such/faces"]);
}

#[test]
fn a_model_is_trained_as_the_paper_or_as_the_script_did() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(24);
    let (data, folder) = (faces.path().to_string_lossy().into_owned(), tempfile::tempdir().unwrap());
    let run = folder.path().join("run").to_string_lossy().into_owned();
    let base = ["--data", &data, "--out", &run, "--weights", BACKBONE, "--size", "96", "--batch", "6", "--epochs", "1"];
    let [said, printed] = reproduced(&base);
    assert!(said.contains("the first 6 of the validation images by name"), "{said}");
    assert!(
        printed.contains("this run takes the paper's settings") && printed.contains("trained here for 1 epochs on 18 images")
    );
    let model = std::fs::read(Path::new(&run).join("train/model.safetensors")).unwrap();
    let history = || std::fs::read_to_string(Path::new(&run).join("train/history.csv")).unwrap();
    assert_eq!(history().lines().count(), 2);

    // With more epochs, the training continues. With other settings, it starts again, and the earlier run is kept.
    let longer = [&base[..base.len() - 1], &["2"]].concat();
    let [said, _] = reproduced(&[&longer[..], &["--only", "train"]].concat());
    assert!(!said.contains("is kept in"), "{said}");
    assert_eq!(history().lines().count(), 3);
    let [said, printed] = reproduced(&[&base[..], &["--as", "script"]].concat());
    assert!(said.contains("train-earlier-1") && printed.contains("the script's settings"), "{said}");
    assert_ne!(std::fs::read(Path::new(&run).join("train/model.safetensors")).unwrap(), model);
    let kept = Path::new(&run).join("train-earlier-1/history.csv");
    assert_eq!(std::fs::read_to_string(kept).unwrap().lines().count(), 3);
    let header = std::fs::read(Path::new(&run).join("train/model.safetensors")).unwrap();
    assert!(text(&header[..4000]).contains("RGB x/255\""), "the script's input is 0 to 1");

    refused(&["reproduce", "--out", &run], 2, &["--data"]);
    refused(&["reproduce", "--out", &run, "--data", "no/such/data"], 1, &["no/such/data"]);
    refused(&[&["reproduce"], &base[..], &["--as", "script", "--trainable", "head"]].concat(), 2, &["--trainable"]);
    refused(&["reproduce", "--out", &run, "--only", "loss-issue", "--quick"], 2, &["--data"]);
    let empty = folder.path().join("empty").to_string_lossy().into_owned();
    refused(&["reproduce", "--data", &data, "--out", &empty, "--only", "eval"], 1, &["model.safetensors", "--only train"]);
    refused(&["reproduce", "--quick", "--out", &empty, "--only", "cluster"], 1, &["attributes.csv"]);
}

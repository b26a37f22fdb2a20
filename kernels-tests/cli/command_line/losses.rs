//! Tests of class weights in `lineament train`, and of the comparison of losses in `lineament reproduce`.

use std::path::Path;

use super::{BACKBONE, FACES, labelled_faces, lineament, refused, text};

#[test]
fn balanced_classes_weigh_as_much_as_they_are_rare() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let faces = labelled_faces(16);
    let path = |name: &str| faces.path().join(name).to_string_lossy().into_owned();
    let (data, list) = (path(""), path("labels.csv"));
    let train = |out: &str, more: &[&str]| {
        let out = path(out);
        let base = ["train", "--data", &data, "--out", &out, "--weights", BACKBONE, "--hidden", "32", "--epochs", "2"];
        let output = lineament(&[&base[..], &["--loss", "bce", "--batch", "5", "--micro-batch", "3"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    };
    let history = |run: &str| std::fs::read_to_string(Path::new(&path(run)).join("history.csv")).unwrap();
    // A third of the training images has each attribute, so the weights are 1.5 for having it and 0.75 for not having it.
    train("plain", &[]);
    train("balanced", &["--class-weights", "balanced"]);
    train("again", &["--class-weights", "balanced"]);
    assert_ne!(history("plain"), history("balanced"));
    assert_eq!(history("again"), history("balanced"));

    let run = path("balanced");
    let base = ["train", "--data", &data, "--out", &run, "--weights", BACKBONE, "--hidden", "32", "--epochs", "2"];
    let with = |more: &[&'static str]| [&base[..], more].concat();
    refused(&with(&["--class-weights", "balanced"]), 2, &["--class-weights", "cosine", "bce"]);
    refused(&with(&["--class-weights", "rare"]), 2, &["rare", "balanced"]);
    let resumed = ["--loss", "bce", "--batch", "5", "--micro-batch", "3", "--resume"];
    refused(&with(&resumed), 1, &["class_weights"]);

    // If half of the images have each attribute, every weight is 1, and nothing changes.
    let half = |index: usize| if index % 4 == 3 { "1,0,validation" } else { ["1,0,train", "0,1,train"][index / 4 % 2] };
    let rows: String = (0..16).map(|index| format!("{index:02}.jpg,{}\n", half(index))).collect();
    std::fs::write(&list, format!("image,Male,Smiling,partition\n{rows}")).unwrap();
    train("even", &["--class-weights", "balanced"]);
    train("even, plain", &[]);
    assert_eq!(history("even"), history("even, plain"));
}

#[test]
fn the_loss_issue_is_reproduced_resumed_and_reported() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let runs = tempfile::tempdir().unwrap();
    let path = |name: &str| runs.path().join(name).to_string_lossy().into_owned();
    let read = |name: &str| std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let on_faces = ["--data", FACES, "--drop-unsure", "--weights", BACKBONE, "--seed", "3"];
    let reproduce = |run: &str, more: &[&str]| {
        let out = path(run);
        let output = lineament(&[&["reproduce", "--only", "loss-issue", "--out", &out], &on_faces[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let printed = reproduce("straight", &["--epochs", "3"]);
    reproduce("resumed", &["--epochs", "1"]);
    assert_eq!(reproduce("resumed", &["--epochs", "3", "--resume"]), printed);
    for file in ["loss_issue.json", "loss_issue.csv", "mae/model.safetensors"] {
        assert_eq!(read(&format!("straight/{file}")), read(&format!("resumed/{file}")), "{file}");
    }

    // Each loss gives the same model as `lineament train` with that loss.
    let out = path("mse");
    let output = lineament(&[&["train", "--out", &out, "--loss", "mse", "--epochs", "3"], &on_faces[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for file in ["model.safetensors", "history.csv", "metrics.csv"] {
        assert_eq!(read(&format!("straight/mse/{file}")), read(&format!("mse/{file}")), "{file}");
    }

    // The figures agree with each loss's metrics.csv. The features are stored only once, in the run folder.
    let issue: serde_json::Value = serde_json::from_slice(&read("straight/loss_issue.json")).unwrap();
    let losses = issue["losses"].as_array().unwrap();
    assert_eq!(losses.iter().map(|one| one["loss"].as_str().unwrap()).collect::<Vec<_>>(), ["cosine", "mse", "mae", "bce"]);
    for loss in losses {
        let name = loss["loss"].as_str().unwrap();
        let metrics = text(&read(&format!("straight/{name}/metrics.csv")));
        let figure = |line: &str, column: &str| -> f64 {
            let at = metrics.lines().next().unwrap().split(',').position(|heading| heading == column).unwrap();
            let row = metrics.lines().find(|row| row.starts_with(&format!("{line},"))).unwrap();
            row.split(',').nth(at).unwrap().parse().unwrap()
        };
        let near = |found: &serde_json::Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-6;
        assert!(near(&loss["accuracy"], figure("mean", "accuracy")), "{loss}");
        let mut rare = [[0, 0]; 2];
        for (one, outcome) in issue["attributes"].as_array().unwrap().iter().zip(loss["attributes"].as_array().unwrap()) {
            let attribute = one["attribute"].as_str().unwrap();
            let predicted = figure(attribute, "true_positives") + figure(attribute, "false_positives");
            assert_eq!(outcome["predicted"].as_f64(), Some(predicted), "{name}, {attribute}");
            assert!(outcome["recall"].is_null() || near(&outcome["recall"], figure(attribute, "recall")), "{name}, {outcome}");
            let occurrence = one["occurrence"].as_f64().unwrap();
            for (below, counts) in [0.05, 0.10].into_iter().zip(&mut rare) {
                if occurrence > 0.0 && occurrence < below {
                    *counts = [counts[0] + 1, counts[1] + u64::from(predicted > 0.0)];
                }
            }
        }
        for (counts, found) in rare.into_iter().zip(loss["rare"].as_array().unwrap()) {
            assert_eq!([&found["attributes"], &found["predicted"]].map(|count| count.as_u64().unwrap()), counts, "{name}");
        }
        assert!(!Path::new(&path(&format!("straight/{name}/features.f32"))).exists());
        assert!(Path::new(&path(&format!("straight/{name}/checkpoints/last.safetensors"))).exists());
    }
    assert!(losses[0]["rare"][1]["attributes"].as_u64() > Some(0), "the faces have a rare attribute");
    assert_eq!(text(&read("straight/loss_issue.csv")).lines().count(), 5);
    assert!(printed.contains("Balanced accuracy") && printed.contains("always the majority"), "{printed}");

    let run = path("straight");
    let report = lineament(&["report", &run]);
    assert_eq!(report.status.code(), Some(0), "{}", text(&report.stderr));
    let page = text(&read("straight/report.html"));
    assert!(page.contains("Recall with binary cross-entropy") && page.contains("How this was made"));

    let again = [&["reproduce", "--only", "loss-issue", "--out", &run], &on_faces[..]].concat();
    refused(&again, 1, &["cosine", "--resume"]);
    refused(&[&again[..], &["--resume", "--batch", "16"]].concat(), 1, &["batch"]);
    refused(&["reproduce", "--only", "figure-5", "--data", FACES, "--out", &run], 2, &["figure-5", "loss-issue"]);
}

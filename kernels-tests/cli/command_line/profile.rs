//! Tests of `lineament plan`, `lineament profile` and `lineament bench`.

use super::{BACKBONE, lineament, refused, text};

#[test]
fn a_plan_tells_steps_places_and_peak() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    for arguments in
        [&["plan", "--model", BACKBONE, "--batch", "2"][..], &["plan", "--model", BACKBONE, "--train", "--size", "96"]]
    {
        let output = lineament(arguments);
        let words = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        for part in ["features.17.conv.1.0", "arena:", "bank 1", "MB on the device at most", "MB an image"] {
            assert!(words.contains(part), "{arguments:?} lacks {part}: {words}");
        }
    }
    // With 16-bit floats, the plan moves about half as many bytes.
    let megabytes = |precision: &str| {
        let output = lineament(&["plan", "--size", "224", "--batch", "8", "--precision", precision]);
        let words = text(&output.stdout).to_string();
        let line = words.lines().find_map(|line| line.strip_prefix("traffic by formula: ")).expect("a line of traffic");
        (words.contains("32x32 of f16"), line.split(' ').next().unwrap().parse::<f64>().expect("a number"))
    };
    let [(_, of_f32), (is_half, of_f16)] = ["f32", "f16"].map(megabytes);
    assert!(is_half && of_f16 < of_f32 && (25.0..32.0).contains(&of_f16), "{of_f16} MB for {of_f32} MB");
    refused(&["plan", "--train", "--precision", "f16"], 2, &["f16", "training computes in 32-bit floats"]);
    refused(&["bench", "kmeans", "500", "--precision", "f16"], 2, &["f16", "only predictions"]);
    refused(&["plan", "--model", BACKBONE, "--size", "100"], 2, &["--size 100", "32"]);
}

#[test]
fn a_plan_for_gpus_runs_whole_blocks_of_large_batches() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let blocks = |batch: &str| {
        let output = lineament(&["plan", "--class", "gpu", "--size", "224", "--batch", batch]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).matches("inverted_residual").count()
    };
    assert_eq!(["1", "32"].map(blocks), [0, 6]);
}

#[test]
fn a_profile_adds_up_in_every_form() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (csv, trace, chart, page) = (path("steps.csv"), path("trace.json"), path("roofline.svg"), path("roofline.html"));
    let shape = ["--model", BACKBONE, "--size", "96", "--batch", "1", "--runs", "1"];
    let mut arguments = vec!["profile", "--json", "--csv", &csv, "--trace", &trace, "--roofline", &chart];
    arguments.extend(shape);
    let output = lineament(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let whole: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let steps = whole["profile"]["steps"].as_array().expect("steps");
    let seconds = |of: &[serde_json::Value]| of.iter().map(|one| one["seconds"].as_f64().unwrap()).sum::<f64>();
    let kernels = whole["kernels"].as_array().expect("kernels");
    let planned = lineament(&["plan", "--model", BACKBONE, "--size", "96", "--batch", "1"]);
    assert!(text(&planned.stdout).starts_with(&format!("network: {} steps", steps.len())), "{}", text(&planned.stdout));
    assert!((seconds(steps) - seconds(kernels)).abs() < 1e-9);
    assert!(kernels.iter().all(|kernel| kernel["share_of_ceiling"].as_f64().is_some_and(|share| share > 0.0)));
    let rows = csv::Reader::from_path(&csv).unwrap().records().count();
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(&trace).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X").count();
    assert_eq!((rows, events), (steps.len(), steps.len()));
    assert!(std::fs::read_to_string(&chart).unwrap().starts_with("<svg"));

    let mut arguments = vec!["profile", "--train", "--roofline", &page];
    arguments.extend(shape);
    let output = lineament(&arguments);
    let words = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in ["training step, 96 × 96, batch 1", "batch_norm_backward_input", "adadelta", "bound by", "images/s"] {
        assert!(words.contains(part), "{part} is not in {words}");
    }
    assert!(std::fs::read_to_string(&page).unwrap().contains("<table>"));
}

#[test]
fn a_task_is_timed_as_one_json_line() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    for (task, size) in [
        ("backbone", "1"),
        ("train-head", "4"),
        ("kmeans", "500"),
        ("kmeans-bits", "500"),
        ("silhouette", "300"),
        ("silhouette-bits", "300"),
    ] {
        let output = lineament(&["bench", task, size, "1", "3"]);
        assert!(output.status.success(), "{task}: {}", text(&output.stderr));
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(
            (line["peer"].as_str(), line["task"].as_str(), line["reps"].as_u64()),
            (Some("lineament"), Some(task), Some(3))
        );
        let [least, median, most] = ["min_s", "median_s", "max_s"].map(|name| line[name].as_f64().expect("seconds"));
        assert!(0.0 < least && least <= median && median <= most, "{line}");
        assert!(line["first_s"].as_f64() > Some(0.0) && line["adapter"].is_string(), "{line}");
    }
    refused(&["bench", "infer", "1", "--model", "no/such.safetensors"], 1, &["no/such.safetensors"]);
    refused(&["bench", "sleep", "1"], 2, &["sleep", "silhouette-bits"]);
    refused(&["bench", "infer", "0"], 2, &["<SIZE>"]);
}

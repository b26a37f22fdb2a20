//! Opens reports in Chromium: a report writes nothing to the console, makes no network requests, and fits its window.
//!
//! `tools/check-report` drives the browser. These tests are skipped if Chromium or Python is missing.

#[path = "../harness/requirements.rs"]
mod requirements;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lineament::evaluation::{Evaluation, Metrics, confident_mistakes};
use lineament::report;
use serde_json::json;

/// Runs `tools/check-report` on a page.
fn check(page: &Path, options: &[&str]) -> Output {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/check-report");
    Command::new("python3").arg(tool).arg(page).args(options).output().expect("python3 runs tools/check-report")
}

fn messages(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Writes a run folder and its report, and returns the path of the report. The run has file names that contain HTML, a corrupt
/// image, an empty cluster, a training history, and an evaluation in which the corrupt image is a mistake.
fn make_run(folder: &Path) -> PathBuf {
    let attributes = ["Male", "Eyeglasses", "Smiling", "Wearing_Necktie"];
    let (mut table, mut labels) = (format!("image,{}\n", attributes.join(",")), Vec::new());
    let (mut names, mut predicted, mut right) = (Vec::new(), Vec::new(), Vec::new());
    for face in 0..24u8 {
        let name = format!("face {face} & <b>'quoted'<b>.png");
        if face == 5 {
            std::fs::write(folder.join(&name), "no picture").expect("a written file");
        } else {
            image::RgbImage::from_fn(89, 109, |x, y| image::Rgb([face * 10, x as u8 * 2, y as u8 * 2]))
                .save(folder.join(&name))
                .expect("a written picture");
        }
        let bits = (0..4).map(|attribute| face >> attribute & 1);
        table += &format!("{name},{}\n", bits.clone().map(|bit| bit.to_string()).collect::<Vec<_>>().join(","));
        predicted.extend(bits.clone().map(f32::from));
        right.extend(bits.map(|bit| if face % 5 == 0 { 1 - bit } else { bit }));
        names.push(name);
        labels.push(face % 3);
    }
    let clusters = serde_json::json!({
        "method": "kmeans", "k": 4, "silhouette": 0.31, "inertia": 17.5, "labels": labels, "sizes": [8, 8, 8, 0],
        "select": ["Male", "Smiling"], "adapter": "an adapter", "command": "lineament cluster",
    });
    let attributes = attributes.map(String::from);
    let evaluation = Evaluation {
        partition: Some("validation".into()),
        metrics: Metrics::new(&attributes, &predicted, &right),
        confident_mistakes: confident_mistakes(&names, &attributes, &predicted, &right, 24),
        half_precision: None,
    };
    let history = "epoch,loss,accuracy,validation_loss,validation_accuracy\n1,-0.7,0.8,-0.7,0.79\n2,-0.8,0.9,-0.8,0.88\n";
    for (name, text) in [
        ("attributes.csv", table),
        ("clusters.json", clusters.to_string()),
        ("config.json", r#"{"weights":{"file":"a.safetensors"}}"#.into()),
        ("history.csv", history.into()),
        ("metrics.json", serde_json::to_string(&evaluation).expect("JSON")),
    ] {
        std::fs::write(folder.join(name), text).expect("a written file");
    }
    write_page(folder)
}

fn write_page(run: &Path) -> PathBuf {
    let page = run.join("report.html");
    let input = report::load_run(run, None, None).expect("a run");
    let summary = report::write_report(&input, &page).expect("a report");
    assert_eq!(summary.unreadable.len(), 1);
    page
}

#[test]
fn a_report_is_quiet_and_fits_desktop_and_phone() {
    if requirements::lacks_browser() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = make_run(folder.path());
    let picture = folder.path().join("picture.png");
    let picture_name = picture.to_str().expect("a UTF-8 path");
    for options in [&["--width", "1280"][..], &["--width", "390", "--dark"], &["--width", "320"]] {
        let output = check(&page, &[options, &["--screenshot", picture_name]].concat());
        assert!(output.status.success(), "{options:?}: {}", messages(&output));
        let picture = image::open(&picture).expect("a screenshot").to_rgb8();
        assert_eq!(picture.width().to_string(), options[1]);
        let first = picture.get_pixel(0, 0);
        assert!(picture.pixels().any(|pixel| pixel != first), "{options:?}: the page is blank");
        assert_eq!(first.0[0] < 128, options.contains(&"--dark"), "{options:?}: {first:?}");
    }
}

/// Performs the actions of a reader one after the other, and checks what the page shows after each.
#[test]
fn clusters_are_sorted_and_filtered_and_faces_enlarged() {
    if requirements::lacks_browser() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_run(folder.path());
    // The clusters have 12, 3, 9 and 0 faces, and that with 3 has the highest silhouette. Attribute n is bit n of a face's number.
    let labels: Vec<i64> = (0..24)
        .map(|face| {
            if face < 12 {
                0
            } else if face < 15 {
                1
            } else {
                2
            }
        })
        .collect();
    let samples: Vec<f32> = labels.iter().map(|label| [0.25, 0.75, 0.5][*label as usize]).collect();
    let clusters = serde_json::json!({
        "method": "kmeans", "k": 4, "silhouette": 0.4, "inertia": 17.5, "labels": labels, "sizes": [12, 3, 9, 0],
        "select": ["Male", "Smiling"], "silhouette_samples": samples,
    });
    std::fs::write(folder.path().join("clusters.json"), clusters.to_string()).expect("a written file");
    let page = write_page(folder.path());

    let visible =
        "[...document.querySelectorAll('#cluster-list > article')].filter(a => !a.hidden).map(a => a.id.slice(8)).join()";
    let faces = "document.querySelectorAll('article:not([hidden]) .all-faces > li:not([hidden])').length";
    let status = "document.getElementById('shown').textContent";
    let facts = "document.getElementById('enlarged-facts').textContent";
    let name = "document.getElementById('enlarged-name').textContent";
    let open = "document.getElementById('enlarged').open";
    let choose = |id: &str, value: &str| {
        let choice = format!(
            "(e => {{ e.value = '{value}'; e.dispatchEvent(new Event('change')); return e.value; }})(document.getElementById('{id}'))"
        );
        (json!({ "evaluate": choice }), Some(json!(value)))
    };
    let see = |expression: &str, expected: serde_json::Value| (json!({ "evaluate": expression }), Some(expected));
    let press = |key: &str| (json!({ "key": key }), None);
    let steps = [
        see("document.getElementById('controls').hidden", json!(false)),
        see(visible, json!("0,2,1,3")),
        choose("order", "silhouette"),
        see(visible, json!("1,2,0,3")),
        choose("order", "number"),
        see(visible, json!("0,1,2,3")),
        see(status, json!("4 of 4 groups, 24 faces on this page")),
        // Male: the faces with odd numbers. In no cluster do nearly all faces have it.
        choose("attribute", "0"),
        see(visible, json!("")),
        choose("which", "faces"),
        see(visible, json!("0,1,2")),
        see(faces, json!(12)),
        see(status, json!("3 of 4 groups, 12 faces on this page")),
        // Smiling: faces 4 to 7, 12 to 15 and 20 to 23, which include all faces of cluster 1.
        choose("attribute", "2"),
        choose("which", "prominent"),
        see(visible, json!("1")),
        choose("attribute", ""),
        see(visible, json!("0,1,2,3")),
        see("document.getElementById('which').disabled", json!(true)),
        see(open, json!(false)),
        (json!({ "click": "#cluster-1 .all-faces li:nth-child(2) .face" }), None),
        see(open, json!(true)),
        see(name, json!("face 13 & <b>'quoted'<b>.png")),
        see(facts, json!("Cluster 1 · silhouette 0.75 · Male, Smiling, Wearing Necktie")),
        press("ArrowRight"),
        see(name, json!("face 14 & <b>'quoted'<b>.png")),
        see("document.getElementById('enlarged-next').disabled", json!(true)),
        press("ArrowRight"),
        press("ArrowLeft"),
        see(name, json!("face 13 & <b>'quoted'<b>.png")),
        press("ArrowLeft"),
        see(name, json!("face 12 & <b>'quoted'<b>.png")),
        see(facts, json!("Cluster 1 · silhouette 0.75 · Smiling, Wearing Necktie")),
        press("Escape"),
        see(open, json!(false)),
        // The focus is on the face that was shown last, so Enter opens it again.
        press("Enter"),
        see(open, json!(true)),
        see(name, json!("face 12 & <b>'quoted'<b>.png")),
        (json!({ "click": "#enlarged-close" }), None),
        see(open, json!(false)),
    ];
    let file = folder.path().join("steps.json");
    let list: Vec<_> = steps.iter().map(|(step, _)| step).collect();
    std::fs::write(&file, serde_json::to_string(&list).expect("JSON")).expect("a written file");
    let output = check(&page, &["--steps", file.to_str().expect("a UTF-8 path")]);
    assert!(output.status.success(), "{}", messages(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    let mut said = said.lines();
    for (step, expected) in steps {
        if let Some(expected) = expected {
            let found: serde_json::Value = serde_json::from_str(said.next().unwrap_or_default()).expect("a JSON value a line");
            assert_eq!(found, expected, "{step}");
        }
    }
}

#[test]
fn a_report_of_an_evaluation_alone_is_quiet_and_fits() {
    if requirements::lacks_browser() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_run(folder.path());
    std::fs::remove_file(folder.path().join("clusters.json")).expect("the clusters");
    let page = write_page(folder.path());
    let html = std::fs::read_to_string(&page).expect("the report");
    assert!(html.contains("id=\"evaluation\"") && !html.contains("id=\"clusters\""));
    assert_eq!(html.matches("class=\"mistake\"").count(), 5);
    for width in ["1280", "320"] {
        let output = check(&page, &["--width", width]);
        assert!(output.status.success(), "{width}: {}", messages(&output));
    }
}

/// Checks that `tools/check-report` can fail; otherwise the other tests would prove nothing.
#[test]
fn the_check_rejects_pages_that_are_not_quiet() {
    if requirements::lacks_browser() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases = [
        ("nothing wrong", "<p>quiet</p>", None),
        ("an external image", "<img src='https://example.com/a.png' alt=''>", Some("request: https://example.com/a.png")),
        ("a file beside it", "<img src='beside.png' alt=''>", Some("beside.png")),
        ("an error", "<script>throw new Error('oops')</script>", Some("exception: Error: oops")),
        ("a console message", "<script>console.warn('careful')</script>", Some("console.warning: careful")),
        ("a late request", "<script>setTimeout(() => fetch('https://example.org/late'), 400)</script>", Some("/late")),
        ("too wide", "<div style='width: 4000px'>wide</div>", Some("pixels wide")),
    ];
    for (name, body, complaint) in cases {
        let page = folder.path().join("page.html");
        let html = format!("<!DOCTYPE html><link rel=icon href='data:,'><title>{name}</title><body>{body}</body>");
        std::fs::write(&page, html).expect("a written page");
        let output = check(&page, &[]);
        let said = messages(&output);
        match complaint {
            None => assert!(output.status.success(), "{name}: {said}"),
            Some(complaint) => {
                assert_eq!(output.status.code(), Some(1), "{name}: {said}");
                assert!(said.contains(complaint), "{name}: {said}");
            }
        }
    }
}

#[test]
fn a_missing_browser_fails_and_says_how_to_install_it() {
    if requirements::lacks_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = folder.path().join("page.html");
    std::fs::write(&page, "<!DOCTYPE html><title>page</title>").expect("a written page");
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().expect("python3 runs");
    let python = String::from_utf8(python.stdout).expect("a UTF-8 path");
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/check-report");
    let output = Command::new(python.trim())
        .arg(tool)
        .arg(&page)
        .env("PATH", folder.path())
        .env_remove("CHROMIUM")
        .output()
        .expect("python3 runs tools/check-report");
    assert_eq!(output.status.code(), Some(1));
    assert!(messages(&output).contains("apt-get install chromium"), "{}", messages(&output));
}

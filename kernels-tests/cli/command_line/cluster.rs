//! Tests of `lineament cluster`: its inputs, its results, and how it refuses bad input.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{lineament, refused, text};

const CELEBA: &str = "kernels-tests/golden/io/celeba/list_attr_celeba";

/// Runs a clustering and returns its JSON and its messages on stderr.
fn cluster(arguments: &[&str]) -> (Value, String) {
    let output = lineament(&[&["cluster", "--json"], arguments].concat());
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {message}");
    (serde_json::from_slice(&output.stdout).unwrap(), message)
}

/// Returns a folder with `table.csv`, and the path of this table. It has 60 rows of four attributes: three are 0 or 1, and Bald is
/// always 0.
fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut table = String::from("image,Male,Smiling,Young,Bald\n");
    for index in 0..60usize {
        let bit = |salt: usize| ((index + 1).wrapping_mul(salt).wrapping_mul(2_654_435_761) >> 13) & 1;
        table += &format!("{index:02}.jpg,{},{},{},0\n", bit(3), bit(7), bit(11));
    }
    let path = folder.path().join("table.csv");
    std::fs::write(&path, table).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

#[test]
fn celebas_own_lists_are_clustered_by_sets_and_weights() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let official = format!("{CELEBA}.txt");
    let kaggle = format!("{CELEBA}.csv");
    let run = |file: &str, more: &[&str]| cluster(&[&["--attributes", file, "--k", "3"], more].concat()).0;
    let plain = run(&official, &["--select", "paper-ten"]);
    assert_eq!(plain["labels"], run(&kaggle, &["--select", "paper-ten"])["labels"]);
    assert_eq!((plain["select"].as_array().unwrap().len(), &plain["select"][0]), (10, &"Wearing_Lipstick".into()));
    assert_eq!(plain["images"].as_array().unwrap().len(), 30);
    assert_eq!(plain["silhouette_samples"].as_array().unwrap().len(), 30);
    assert!(plain["weights"].is_null() && plain["silhouette_weighted"].is_null());
    for phase in ["read", "start", "compress", "cluster", "silhouette"] {
        assert!(plain["seconds"][phase].is_f64(), "{phase}: {}", plain["seconds"]);
    }
    for rule in ["rare", "common"] {
        let weighted = run(&official, &["--select", "paper-37", "--weights", rule]);
        assert_eq!((weighted["select"].as_array().unwrap().len(), &weighted["weights"]), (37, &rule.into()));
        assert!(weighted["silhouette"].is_f64() && weighted["silhouette_weighted"].is_f64());
        assert_ne!(weighted["silhouette"], weighted["silhouette_weighted"]);
    }
    // All forty attributes are selected, and three of them have no published frequency.
    refused(
        &["cluster", "--attributes", &official, "--k", "3", "--weights", "rare"],
        1,
        &["'Attractive' has no weight under 'rare'", "paper-37"],
    );
}

#[test]
fn compression_can_be_turned_off_and_changes_nothing() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, table) = folder();
    let run = |more: &[&str]| cluster(&[&["--attributes", &table, "--k", "4"], more].concat());
    let (counted, message) = run(&[]);
    assert!(message.contains("note: Bald is the same for every image"), "{message}");
    let (every, _) = run(&["--no-compression"]);
    assert_eq!((&counted["distinct_rows"], &counted["labels"]), (&8.into(), &every["labels"]));
    assert_eq!(every["distinct_rows"], 8);
    for figure in ["silhouette", "inertia"] {
        let [a, b] = [&counted, &every].map(|result| result[figure].as_f64().unwrap());
        assert!((a - b).abs() < 1e-5 * a.abs(), "{figure}: {a} {b}");
    }
    let printed = lineament(&["cluster", "--attributes", &table, "--k", "4"]);
    assert!(text(&printed.stdout).contains("8 of the 60 rows are distinct"), "{}", text(&printed.stdout));

    // The weights can come from a file. A weight of 0 removes an attribute, so that more rows are equal.
    let weights = folder.path().join("weights.csv");
    std::fs::write(&weights, "attribute,weight\nMale,2\nSmiling,1\nYoung,0\nBald,1\n").unwrap();
    let (weighted, _) = run(&["--weights", weights.to_str().unwrap()]);
    assert_eq!((&weighted["distinct_rows"], &weighted["inertia"]), (&4.into(), &0.0.into()));
    assert_eq!(weighted["silhouette_weighted"], 1.0);
    assert!(weighted["silhouette"].as_f64().unwrap() < 1.0);
}

#[test]
fn a_reader_that_closes_stdout_is_no_failure() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (_folder, table) = folder();
    let compare = ["compare", "--k", "2", "--methods", "kmeans", "--json"];
    for arguments in [&["cluster", "--k", "2"][..], &["cluster", "--k", "2", "--json"], &compare] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_lineament"));
        program.args(arguments).args(["--attributes", &table]).env("LINEAMENT_TUNING", "off");
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("error:"), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn bad_input_to_a_clustering_is_refused() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let (folder, table) = folder();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let write = |name: &str, content: &str| {
        std::fs::write(path(name), content).unwrap();
        path(name)
    };
    let good = std::fs::read_to_string(&table).unwrap();
    let unknown = write("unknown.csv", "attribute,weight\nMale,1\nSmilling,1\n");
    let negative = write("negative.csv", "attribute,weight\nMale,-1\n");
    let missing = write("missing.csv", "attribute,weight\nMale,1\n");
    let not_a_number = write("nan.csv", &good.replacen("01.jpg,0", "01.jpg,NaN", 1).replacen("01.jpg,1", "01.jpg,NaN", 1));
    let alike = write("alike.csv", "image,Male,Bald\na,1,0\nb,1,0\nc,1,0\n");
    let list = std::fs::read_to_string(format!("{CELEBA}.txt")).unwrap();
    let damaged = write("list.txt", &list.replacen("  1", "  2", 1));
    let out = path("clusters.json");
    let base = |file: &str| ["cluster", "--attributes", file, "--out", &out, "--k"].map(String::from).to_vec();
    let refuse = |file: &str, more: &[&str], status: i32, parts: &[&str]| {
        let mut arguments = base(file);
        arguments.extend(more.iter().map(|word| word.to_string()));
        refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), status, parts);
        assert!(!Path::new(&out).exists(), "{more:?} left a result");
    };
    refuse(&table, &["9"], 1, &["k is 9", "among the 60 rows only 8 are distinct"]);
    refuse(&table, &["0"], 1, &["k is 0"]);
    refuse(&table, &["-1"], 2, &["-1"]);
    refuse(&alike, &["2"], 1, &["all 3 rows are identical"]);
    refuse(&not_a_number, &["2"], 1, &["nan.csv", "line 3", "NaN"]);
    refuse(&damaged, &["2"], 1, &["list.txt", "line 3", "a label must be -1 or 1"]);
    refuse(&table, &["2", "--weights", &unknown], 1, &["unknown.csv", "line 3", "did you mean 'Smiling'?"]);
    refuse(&table, &["2", "--weights", &negative], 1, &["negative.csv", "line 2", "'-1'"]);
    refuse(&table, &["2", "--weights", &missing], 1, &["missing.csv", "Smiling has no weight"]);
    refuse(&table, &["2", "--weights", "no/such.csv"], 1, &["no/such.csv"]);
    refuse(&table, &["2", "--select", "paper-ten"], 1, &["'Wearing_Lipstick'", "the set 'paper-ten' needs it"]);
    refuse(&table, &["2", "--select", "Male,Male"], 1, &["Male", "twice"]);
    refused(&["cluster", "--attributes", &table], 2, &["--k"]);
    // A single cluster is a valid result, but it has no silhouette.
    let (one, message) = cluster(&["--attributes", &table, "--k", "1"]);
    assert!(one["silhouette"].is_null() && message.contains("a silhouette needs from 2 clusters"), "{message}");
}

//! Tests of `lineament compare`, also against the golden table of figure 5.

use std::path::Path;

use lineament::cluster::{Comparison, Curve, CurvePoint};
use safetensors::SafeTensors;
use serde_json::Value;

use super::{lineament, refused, text};

const GOLDEN: &str = "kernels-tests/golden/cluster";

fn golden(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(GOLDEN).join(name)).unwrap()).unwrap()
}

/// Writes the first 500 rows of the fixtures' data as a table. With the paper's ten attributes they are the fixture `x10_500`.
fn write_table(path: &Path) {
    let bytes = std::fs::read(Path::new(GOLDEN).join("data.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let labels = file.tensor("x37").unwrap().data();
    let names = lineament::data::attributes::paper_attributes();
    let mut table = format!("image,{}\n", names.join(","));
    for (row, labels) in labels.chunks_exact(37).take(500).enumerate() {
        let values: Vec<String> = labels.iter().map(u8::to_string).collect();
        table += &format!("{row:03}.jpg,{}\n", values.join(","));
    }
    std::fs::write(path, table).unwrap();
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Compares the silhouettes of k-means with those of scikit-learn, which are known for ten seeds and in `figure5.json`. Returns
/// the index of every k at which ours is more than 0.01 outside their range, and the mean difference from their mean.
///
/// Restarts end in different optima, so one seed alone cannot be the reference: each of scikit-learn's seeds agrees with the
/// table within 0.01 at only 38 to 42 of the 49 values of k, and so does the table's own seed on another processor (42). Given
/// scikit-learn's starting centres, ours agrees at every k; `kernels test --golden` checks that.
fn beside_seeds(points: &[CurvePoint], ours: fn(&CurvePoint) -> Option<f64>, table: &str, of_seeds: &str) -> (Vec<usize>, f64) {
    let (table, seeds) = (numbers(&golden("figure5.json")[table]), golden("figure5_kmeans_seeds.json"));
    let (mut beyond, mut sum) = (Vec::new(), 0.0);
    for (index, point) in points.iter().enumerate() {
        let spread = [numbers(&seeds[of_seeds][index]), vec![table[index]]].concat();
        let [lowest, highest] = [f64::min, f64::max].map(|pick| spread.iter().copied().reduce(pick).unwrap());
        let silhouette = ours(point).unwrap();
        sum += silhouette - spread.iter().sum::<f64>() / spread.len() as f64;
        if !(lowest - 0.01..=highest + 0.01).contains(&silhouette) {
            eprintln!("k = {}: {silhouette}, scikit-learn {lowest} to {highest}", point.k);
            beyond.push(index);
        }
    }
    (beyond, sum / points.len() as f64)
}

fn curve<'a>(comparison: &'a Comparison, method: &str) -> &'a Curve {
    comparison.curves.iter().find(|curve| curve.method == method).unwrap()
}

fn compared(arguments: &[&str], folder: &Path) -> Comparison {
    let output = lineament(&[&["compare"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    Comparison::read(&folder.join("comparison.json")).unwrap()
}

#[test]
fn figure_five_is_scikit_learns_up_to_restarts_and_ties() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (table, out) = (folder.path().join("x10.csv"), folder.path().join("out"));
    write_table(&table);
    let [table, to] = [&table, &out].map(|path| path.to_string_lossy().into_owned());
    let found = compared(&["--attributes", &table, "--select", "paper-ten", "--out", &to], &out);
    let distinct = &golden("manifest.json")["files"]["data.safetensors"]["params"]["distinct_rows"]["x10_500"];
    assert_eq!((found.rows, Some(found.distinct_rows as u64), found.curves.len()), (500, distinct.as_u64(), 4));
    let golden_table = golden("figure5.json");

    let points = &curve(&found, "kmeans").points;
    assert_eq!(points.len(), 49);
    let (beyond, mean) = beside_seeds(points, |point| point.silhouette, "kmeans", "silhouette");
    assert!(beyond.is_empty() && mean.abs() < 0.01, "{mean}, {beyond:?}");

    // DBSCAN and OPTICS involve no random numbers and no ties.
    for mark in &found.marks {
        let expected = &golden_table[&mark.method];
        assert_eq!(Some(mark.k as u64), expected["clusters"].as_u64(), "{}", mark.method);
        let [ours, theirs] = [mark.silhouette.unwrap(), expected["silhouette"].as_f64().unwrap()];
        assert!((ours - theirs).abs() < 1e-5, "{}: {ours} for {theirs}", mark.method);
    }
    assert_eq!(found.marks.len(), 2);

    // Ties are broken as in SciPy. Spectral clustering ends with a randomly seeded k-means, which reaches other optima.
    for (method, bound) in [("agglomerative", 1e-5), ("birch", 1e-5), ("spectral", 0.3)] {
        for (point, golden) in curve(&found, method).points.iter().zip(numbers(&golden_table[method])) {
            let ours = point.silhouette.unwrap();
            assert!((ours - golden).abs() < bound, "{method}, k = {}: {ours} for {golden}", point.k);
        }
    }
    assert!(out.join("comparison.svg").is_file());
    assert_eq!(std::fs::read_to_string(out.join("comparison.csv")).unwrap().lines().count(), 1 + 4 * 49 + 2);
}

#[test]
fn weights_restarts_and_ranges_are_heard() {
    if crate::requirements::lacks_adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    write_table(Path::new(&path("x10.csv")));
    let (table, run) = (path("x10.csv"), path("run"));
    std::fs::create_dir(&run).unwrap();
    std::fs::copy(&table, Path::new(&run).join("attributes.csv")).unwrap();
    let base = ["--run", &run, "--select", "paper-ten", "--methods", "kmeans"];
    let found = compared(&[&base[..], &["--weights", "rare"]].concat(), Path::new(&run));
    assert_eq!((found.weights.as_str(), found.marks.len(), found.curves[0].points.len()), ("rare", 0, 49));
    // k-means minimises the inertia and not the silhouette, least of all that of the unweighted columns. Where our silhouette is
    // outside the range of scikit-learn's ten seeds, our inertia must be no higher than theirs.
    let inertias = &golden("figure5_kmeans_seeds.json")["weighted_rare_inertia"];
    for (name, ours) in [
        ("weighted_rare_unweighted_silhouette", (|point| point.silhouette) as fn(&CurvePoint) -> Option<f64>),
        ("weighted_rare_weighted_silhouette", |point| point.silhouette_weighted),
    ] {
        let (beyond, mean) = beside_seeds(&found.curves[0].points, ours, name, name);
        assert!(mean.abs() < 0.01, "{name}: {mean}, {beyond:?}");
        for index in beyond {
            let k = found.curves[0].points[index].k;
            let highest = numbers(&inertias[index]).into_iter().reduce(f64::max).unwrap();
            let again = ["--weights", "rare", "--n-init", "20", "--iterations", "500", "--k", &k.to_string(), "--json"];
            let json = lineament(&[&["cluster", "--attributes", &table, "--select", "paper-ten"][..], &again].concat()).stdout;
            let inertia = serde_json::from_slice::<Value>(&json).unwrap()["inertia"].as_f64().unwrap();
            assert!(inertia <= highest, "{name}, k = {k}: inertia {inertia}, scikit-learn's highest is {highest}");
        }
    }
    let config: Value = serde_json::from_slice(&std::fs::read(Path::new(&run).join("config.json")).unwrap()).unwrap();
    assert_eq!(config["compare"]["methods"], serde_json::json!(["kmeans"]));

    // Points with more clusters than distinct rows are left out, and a note says so.
    std::fs::write(&table, "image,Male,Bald\na,0,1\nb,0,1\nc,1,1\nd,1,0\ne,0,0\nf,1,1\n").unwrap();
    let output = lineament(&["compare", "--attributes", &table, "--methods", "kmeans,agglomerative", "--k", "2..6"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(text(&output.stderr).contains("kmeans: no point at k = 5 to 6: there are 4 distinct rows"));
    assert!(
        printed.contains("Only 4 of the 6 rows are distinct")
            && printed.lines().any(|line| line.split_whitespace().eq(["5", "-", "-"])),
        "{printed}"
    );
    let json = lineament(&["compare", "--attributes", &table, "--methods", "kmeans", "--k", "3", "--json"]);
    let json: Comparison = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.curves[0].points.len(), json.curves[0].points[0].k), (1, 3));

    refused(&["compare", "--attributes", &table, "--k", "1..4"], 2, &["2..50"]);
    refused(&["compare", "--attributes", &table, "--k", "9..4"], 2, &["2..50"]);
    refused(&["compare", "--attributes", &table, "--methods", "kmedoids"], 2, &["kmedoids", "kmeans"]);
    refused(&["compare", "--attributes", &table, "--n-init", "0"], 2, &["n-init"]);
    refused(&["compare", "--attributes", "no/such.csv"], 1, &["no/such.csv"]);
    refused(&["compare"], 2, &["--attributes"]);
}

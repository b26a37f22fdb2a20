//! Tests that write whole reports.

use super::*;
use crate::evaluation::{Metrics, confident_mistakes};

/// Returns an input with the given attribute values, one slice per face, and cluster labels. No face has a picture.
pub(super) fn input_of(values: &[&[f32]], labels: &[i64]) -> ReportInput {
    let k = labels.iter().max().map_or(0, |&label| (label + 1).max(0) as usize);
    let sizes = (0..k).map(|cluster| labels.iter().filter(|&&label| label == cluster as i64).count()).collect();
    ReportInput {
        title: "run".into(),
        images: (0..values.len())
            .map(|face| FaceSource { name: format!("face {face}.png"), file: Err("not there".into()) })
            .collect(),
        attributes: (0..values[0].len()).map(|attribute| format!("Attribute_{attribute}")).collect(),
        values: values.concat(),
        crop: None,
        orientation: Default::default(),
        clusters: Some(ClusterResult {
            method: "kmeans".into(),
            k,
            silhouette: Some(0.25),
            inertia: Some(1.5),
            labels: labels.to_vec(),
            sizes,
            ..ClusterResult::default()
        }),
        weighted: None,
        comparison: None,
        evaluation: None,
        evaluated: None,
        reproduction: None,
        loss_issue: None,
        configuration: serde_json::Map::new(),
        history: Vec::new(),
    }
}

/// Adds an evaluation of the input's values against `labels`, shape `[faces, attributes]`.
pub(super) fn evaluated(mut input: ReportInput, labels: &[u8]) -> ReportInput {
    let names: Vec<String> = input.images.iter().map(|face| face.name.clone()).collect();
    input.evaluation = Some(Evaluation {
        partition: Some("test".into()),
        metrics: Metrics::new(&input.attributes, &input.values, labels),
        confident_mistakes: confident_mistakes(&names, &input.attributes, &input.values, labels, 12),
        half_precision: None,
    });
    input
}

/// Returns a folder with `count` pictures of different colours, and an input that spreads them over `k` clusters.
fn run_of(count: usize, attributes: usize, k: usize) -> (tempfile::TempDir, ReportInput) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let values: Vec<Vec<f32>> = (0..count)
        .map(|face| (0..attributes).map(|attribute| ((face * 7 + attribute * 3) % 11) as f32 / 10.0).collect())
        .collect();
    let values: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    let labels: Vec<i64> = (0..count).map(|face| (face % k) as i64).collect();
    let mut input = input_of(&values, &labels);
    for (face, source) in input.images.iter_mut().enumerate() {
        let path = folder.path().join(&source.name);
        let colour = |scale: usize| ((face * scale + 40) % 256) as u8;
        image::RgbImage::from_fn(20, 24, |x, y| image::Rgb([colour(3) ^ x as u8, colour(5) ^ y as u8, colour(11)]))
            .save(&path)
            .expect("a written picture");
        source.file = Ok(path.into());
    }
    (folder, input)
}

/// Writes the report of `input` and returns the page and the summary.
pub(super) fn written(input: &ReportInput) -> (String, ReportSummary) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("report.html");
    let summary = write_report(input, &out).expect("a report");
    let page = std::fs::read_to_string(&out).expect("the report");
    assert_eq!(summary.bytes, page.len() as u64);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing is left beside the report");
    (page, summary)
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (_folder, mut input) = run_of(40, 5, 3);
    input.configuration = serde_json::from_str(r#"{"b":{"y":1,"x":2},"a":"text","c":[1,2]}"#).expect("an object");
    let (first, _) = written(&input);
    for _ in 0..4 {
        assert!(written(&input).0 == first, "two reports of one input differ");
    }
}

#[test]
fn what_users_name_is_escaped_everywhere() {
    let nasty = r#"a "b" 'c' <script>alert(1)</script> & <img src=x onerror=y>.png"#;
    let (_folder, mut input) = run_of(4, 2, 2);
    input.title = nasty.into();
    input.attributes = vec![nasty.into(), "Plain".into()];
    input.images[0].name = nasty.into();
    input.images[1] = FaceSource { name: nasty.into(), file: Err(nasty.into()) };
    let clusters = input.clusters.as_mut().expect("clusters");
    clusters.method = nasty.into();
    clusters.select = vec![nasty.into()];
    clusters.command = Some(nasty.into());
    clusters.adapter = Some(nasty.into());
    input.configuration.insert(nasty.into(), nasty.into());
    // Only the first face has a mistake. The second face has the same name.
    let input = evaluated(input, &[1, 0, 1, 1, 0, 1, 1, 0]);
    let (page, _) = written(&input);
    for forbidden in ["<img src=x", "onerror=y>", r#"a "b""#, "'c'"] {
        assert!(!page.contains(forbidden), "{forbidden} in the page");
    }
    assert_eq!(page.matches("<script").count(), 1, "the page's own script and no other");
    let escaped =
        "a &quot;b&quot; &#x27;c&#x27; &lt;script&gt;alert(1)&lt;&#x2f;script&gt; &amp; &lt;img src=x onerror=y&gt;.png";
    let everywhere = 21;
    assert!(page.matches(escaped).count() >= everywhere, "{} escaped names", page.matches(escaped).count());
}

#[test]
fn the_page_holds_everything_it_shows() {
    let (_folder, mut input) = run_of(6, 3, 2);
    input.history = vec![Epoch { epoch: 1, loss: -0.5, accuracy: 0.5, validation_loss: -0.5, validation_accuracy: 0.5 }];
    input.images[2].file = Err("not there".into());
    let (page, _) = written(&evaluated(input, &[0; 18]));
    for attribute in ["src=\"", "href=\""] {
        for reference in page.split(attribute).skip(1) {
            assert!(reference.starts_with("data:") || reference.starts_with('#'), "{attribute}{}", &reference[..40]);
        }
    }
    for forbidden in ["<script ", "@import", "url(", "http:", "https:", "preconnect", "prefetch", "srcset", "<iframe"] {
        assert!(!page.contains(forbidden), "{forbidden} in the page");
    }
    for target in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert_eq!(page.matches(&format!(" id=\"{target}\"")).count(), 1, "the target of #{target}");
    }
}

#[test]
fn the_policy_allows_exactly_the_pages_script() {
    let (_folder, input) = run_of(6, 3, 2);
    let (page, _) = written(&input);
    let between = |start: &str, end: &str| page.split(start).nth(1).and_then(|rest| rest.split(end).next()).expect("a part");
    let script = between("<script>", "</script>");
    let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, <sha2::Sha256 as sha2::Digest>::digest(script));
    assert_eq!(between("script-src ", ";"), format!("'sha256-{hash}'"));
    assert!(between("default-src ", ";") == "'none'" && !page.contains("onclick"));
    let without = ReportInput { clusters: None, ..evaluated(input, &[0; 18]) };
    let (page, _) = written(&without);
    assert!(!page.contains("<script") && !page.contains("script-src"));
}

#[test]
fn clusters_show_typical_faces_and_what_the_script_sorts_by() {
    let (_folder, mut input) = run_of(9, 2, 2);
    assert!(!written(&input).0.contains("Most typical"));
    let clusters = input.clusters.as_mut().expect("clusters");
    clusters.silhouette_samples = vec![0.5, -0.25, 0.75, 0.0, 0.25, 0.5, 0.0, 0.25, 1.0];
    (clusters.silhouette_without_noise, clusters.silhouette_weighted) = (Some(0.5), Some(-0.125));
    clusters.distinct_rows = Some(7);
    let (page, _) = written(&input);
    // Cluster 0 holds faces 0, 2, 4, 6, 8, and cluster 1 the others. Each shows two typical and two untypical faces: with three
    // of each, a face would be both.
    let parts: Vec<&str> = page.split("<article ").skip(1).collect();
    let names = |part: &str, list: &str| -> Vec<String> {
        let list = part.split(list).nth(1).and_then(|rest| rest.split("</ul>").next()).expect("a list");
        list.split("alt=\"face ").skip(1).map(|rest| rest.split('.').next().unwrap_or_default().to_string()).collect()
    };
    assert_eq!(
        (names(parts[0], "Most typical"), names(parts[0], "Least typical")),
        (vec!["8".into(), "2".into()], vec!["6".into(), "4".into()])
    );
    assert_eq!(names(parts[1], "Least typical"), ["1", "3"]);
    assert!(
        parts[0].starts_with("id=\"cluster-0\"") && parts[0].contains("data-size=\"5\" data-silhouette=\"0.500000\""),
        "{}",
        parts[0]
    );
    assert!(parts[1].contains("· silhouette 0.125"));
    assert!(page.contains("0.500 without noise, −0.125 of weighted rows") && page.contains("Distinct rows"));
    assert!(page.contains("<option value=\"1\">Attribute 1</option>"));
    // Face 1 has the values 0.7 and 1.0.
    let others = page.split("all-faces").nth(2).expect("the faces of cluster 1");
    assert!(others.contains("<li data-has=\"0 1\" data-silhouette=\"−0.25\"><img"), "{others}");
}

/// Holds for every adapter. The values of the components are tested in `cluster::principal_components`.
#[test]
fn an_adapter_adds_the_components_of_each_cluster() {
    let Some(device) = crate::testing::device() else { return };
    let (folder, input) = run_of(9, 2, 3);
    let out = folder.path().join("report.html");
    write_report_on(&device, &input, &out).expect("a report");
    let page = std::fs::read_to_string(&out).expect("the report");
    // Three faces vary along two directions.
    assert_eq!((page.matches("class=\"components\"").count(), page.matches("alt=\"Component ").count()), (3, 6));
    assert!(page.contains("of its 3 readable faces") && !page.contains("No graphics adapter"));
    let (page, _) = written(&input);
    assert!(!page.contains("class=\"components\"") && page.contains("No graphics adapter was available"));
}

#[test]
fn the_pipeline_tells_the_runs_own_numbers() {
    let (_folder, mut input) = run_of(6, 3, 2);
    input.configuration =
        serde_json::from_str(r#"{"predict":{"weights":[{"file":"weights/a model.safetensors","sha256":"0"}]}}"#)
            .expect("an object");
    let clusters = input.clusters.as_mut().expect("clusters");
    (clusters.select, clusters.weights) = (vec!["Attribute_1".into()], Some("rare".into()));
    let (page, _) = written(&input);
    let pipeline = page.split("class=\"pipeline\"").nth(1).and_then(|rest| rest.split("</ol>").next()).expect("the pipeline");
    for (name, value, note) in [
        ("Faces", "6", ""),
        ("Attributes", "3", "by a model.safetensors"),
        ("Selected", "1", "weighted: rare"),
        ("Clusters", "2", "by k-means"),
    ] {
        let step = format!("{name}</span><span class=\"value\">{value}</span><span class=\"note\">{note}<");
        assert!(pipeline.contains(&step), "{step}: {pipeline}");
    }
}

#[test]
fn headings_are_in_order_and_pictures_have_alternatives() {
    let (_folder, input) = run_of(6, 3, 2);
    let (page, _) = written(&evaluated(input, &[1; 18]));
    let levels: Vec<u32> =
        page.split("<h").skip(1).filter_map(|rest| rest.chars().next().and_then(|level| level.to_digit(10))).collect();
    assert_eq!((levels[0], levels.iter().filter(|&&level| level == 1).count()), (1, 1));
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    for picture in page.split("<img ").skip(1) {
        assert!(picture.split('>').next().is_some_and(|tag| tag.contains("alt=\"")));
    }
}

#[test]
fn an_unreadable_image_is_shown_counted_and_listed() {
    let (folder, mut input) = run_of(6, 2, 2);
    let text = folder.path().join("text.jpg");
    std::fs::write(&text, "no picture").expect("a written file");
    input.images[4].file = Ok(text.into());
    input.images[1].file = Ok(folder.path().join("gone.png").into());
    let (page, summary) = written(&input);
    let names: Vec<&str> = summary.unreadable.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["face 1.png", "face 4.png"]);
    assert_eq!(page.matches("<li class=\"missing\"").count(), 2);
    assert_eq!(page.matches("1 image unreadable").count(), 2);
    assert_eq!(page.matches("Mean of 2 faces").count(), 2);
    let list = page.split("Images that could not be read").nth(1).expect("the list");
    assert!(names.iter().all(|name| list.contains(name)));
    assert!(list.contains("2 images."));
}

#[test]
fn clusters_come_by_falling_size_with_empty_ones_and_noise_last() {
    let mut input = input_of(&[&[1.0][..]; 8], &[2, 2, 2, 0, 3, 3, -1, -1]);
    input.clusters.as_mut().expect("clusters").method = "dbscan".into();
    let (page, summary) = written(&input);
    assert_eq!((summary.clusters, summary.faces, summary.unreadable.len()), (4, 8, 8));
    let order: Vec<&str> = page.split("<article id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(order, ["cluster-2", "cluster-3", "cluster-0", "cluster-1", "noise"]);
    assert_eq!(page.matches("No face fell into this cluster.").count(), 1);
    assert_eq!(page.matches("no readable picture").count(), 4);
}

#[test]
fn a_large_run_stays_small_enough_to_send() {
    let (_folder, mut input) = run_of(8, 37, 8);
    // The same eight files serve all faces, since only the number of thumbnails and rows matters here.
    let faces = 2_000;
    input.images = (0..faces).map(|face| input.images[face % 8].clone()).collect();
    input.values = input.values.iter().copied().cycle().take(faces * 37).collect();
    let clusters = input.clusters.as_mut().expect("clusters");
    clusters.labels = (0..faces).map(|face| (face % 8) as i64).collect();
    clusters.sizes = vec![faces / 8; 8];
    let (page, _) = written(&input);
    assert_eq!(page.matches("and 186 more").count(), 8);
    assert_eq!(page.matches("class=\"sheet all-faces\"").count(), 8);
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}

#[test]
fn many_clusters_are_cut_and_counted() {
    let labels: Vec<i64> = (0..130).map(|face| face.min(120)).collect();
    let input = input_of(&vec![&[0.0f32][..]; 130], &labels);
    let (page, _) = written(&input);
    assert_eq!(page.matches("<article").count(), 100);
    assert!(page.contains("21 further clusters with 21 faces in all"));
}

#[test]
fn a_run_of_one_face_reads_well() {
    let (_folder, input) = run_of(1, 1, 1);
    let (page, _) = written(&input);
    assert!(page.contains("1 face, grouped into 1 cluster by k-means on 1 attribute."));
    assert!(page.contains("Share of the one face that has it."));
}

#[test]
fn a_report_that_cannot_be_written_leaves_what_was_there() {
    let (folder, input) = run_of(2, 1, 1);
    let missing = folder.path().join("nowhere/report.html");
    let message = write_report(&input, &missing).expect_err("no such folder").to_string();
    assert!(message.contains("report.html: cannot be written"), "{message}");
    let occupied = folder.path().join("occupied");
    std::fs::create_dir(&occupied).expect("a folder");
    std::fs::write(occupied.join("kept"), "").expect("a file");
    assert!(write_report(&input, &occupied).is_err());
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).expect("the folder").flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, ["face 0.png", "face 1.png", "occupied"]);
}

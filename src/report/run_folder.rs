//! Reads a run folder.
//!
//! A run folder holds `attributes.csv` together with `clusters.json`, `comparison.json` or `metrics.json`, or it holds
//! `loss_issue.json`. The files `clusters_weighted.json`, `config.json` and `history.csv` are optional. The folder of a
//! reproduction of the paper also holds `reproduction.json`, and its evaluation and its training lie in the folders
//! `evaluation` and `train`.

use std::path::Path;

use serde_json::{Map, Value};

use super::{EvaluatedFaces, FaceSource, ReportError, ReportInput, history};
use crate::cluster::{ClusterResult, Comparison};
use crate::data::archive::OpenArchives;
use crate::data::json::read_if_present;
use crate::data::{AttributeTable, Crop, DataError, ImageSource, StoredOrientation, image_path};
use crate::evaluation::{Evaluation, LossIssue, Reproduction};

/// Folder of a run in which a reproduction keeps its evaluation.
const EVALUATION_FOLDER: &str = "evaluation";
/// Name of the folder that holds CelebA's images.
const CELEBA_FOLDER: &str = "img_align_celeba";

/// Reads a run folder. If `attributes` names a file, this file replaces the `attributes.csv` of the folder. It may be a table
/// that `lineament predict` wrote, or CelebA's list of labels.
///
/// Relative image paths are resolved against the current directory, then against `run`, then against `images`. In `run` and
/// `images` an image may also lie in a folder `img_align_celeba`, and in `images` it is also searched by its file name alone.
/// An image that is not found is not an error: the report shows a box in its place.
///
/// # Errors
/// Returns [`ReportError`] in these cases:
/// - `run` is not a folder,
/// - there is no `loss_issue.json`, and either `attributes.csv` is missing or all of `clusters.json`, `comparison.json` and
///   `metrics.json` are; the error names the command that creates the missing file,
/// - a file is malformed,
/// - two files come from different runs.
pub fn load_run(run: &Path, attributes: Option<&Path>, images: Option<&Path>) -> Result<ReportInput, ReportError> {
    if !run.is_dir() {
        return Err(ReportError::NoRun { path: run.to_path_buf() });
    }
    let require = |name: &str, command| {
        let path = run.join(name);
        if path.is_file() { Ok(path) } else { Err(ReportError::Missing { path, command }) }
    };
    let optional = |name: &str| Some(run.join(name)).filter(|path| path.is_file());
    let loss_issue = optional("loss_issue.json").map(|path| LossIssue::read(&path)).transpose()?;
    let is_other = attributes.is_some();
    let attributes = match attributes.map(Path::to_path_buf).or_else(|| optional("attributes.csv")) {
        None if loss_issue.is_none() => {
            Some(require("attributes.csv", "lineament predict IMAGES… --run RUN`, or pass a table with `--attributes FILE")?)
        }
        found => found,
    };
    // A reproduction evaluates more faces than it clusters, so it keeps its evaluation in a folder of its own.
    let evaluated = Some(run.join(EVALUATION_FOLDER)).filter(|folder| folder.join("metrics.json").is_file());
    let metrics = optional("metrics.json");
    let evaluated = if metrics.is_none() { evaluated } else { None };
    let metrics = metrics.or_else(|| evaluated.as_ref().map(|folder| folder.join("metrics.json")));
    let comparison = optional("comparison.json").map(|path| Comparison::read(&path)).transpose()?;
    let clusters = match optional("clusters.json") {
        None if metrics.is_none() && loss_issue.is_none() && comparison.is_none() => Some(require(
            "clusters.json",
            "lineament cluster --attributes RUN/attributes.csv --method kmeans --k 8 --json > RUN/clusters.json",
        )?),
        found => found,
    };
    let table = attributes.map(|path| AttributeTable::read(&path)).transpose()?;
    let table = table.unwrap_or_default();
    let clusters = clusters.map(|path| ClusterResult::read(&path)).transpose()?;
    let weighted = optional("clusters_weighted.json").map(|path| ClusterResult::read(&path)).transpose()?;
    if !is_other {
        let of_clusters = |clusters: &Option<ClusterResult>| clusters.as_ref().and_then(|one| one.attributes_sha256.clone());
        let made_from = [
            ("clusters.json", "cluster", of_clusters(&clusters)),
            ("clusters_weighted.json", "cluster", of_clusters(&weighted)),
            ("comparison.json", "compare", comparison.as_ref().and_then(|one| one.attributes_sha256.clone())),
        ];
        made_from.into_iter().try_for_each(|(file, verb, hash)| refuse_stale(&table, file, verb, hash))?;
    }
    let evaluation = metrics.map(|path| Evaluation::read(&path)).transpose()?;
    let configuration = run.join("config.json");
    let configuration = read_if_present(&configuration, "a JSON object that records a run", "correct the file or remove it")?;
    let configuration = configuration.unwrap_or_default();
    let mut places = Places { run, images, archives: OpenArchives::default() };
    let evaluated = evaluated.map(|folder| evaluated_faces(&folder, &mut places)).transpose()?;
    let reproduction = optional("reproduction.json").map(|path| Reproduction::read(&path)).transpose()?;
    let history = optional("history.csv").or_else(|| optional("train/history.csv"));
    let history = history.map(|path| history::read(&path)).transpose()?.unwrap_or_default();
    let input = ReportInput {
        title: title(run),
        images: places.sources(&table, run),
        attributes: table.attributes,
        values: table.values,
        crop: crop(run, &configuration)?,
        orientation: orientation(run, &configuration)?,
        clusters,
        weighted,
        comparison,
        evaluation,
        evaluated,
        reproduction,
        loss_issue,
        configuration,
        history,
    };
    input.check()?;
    Ok(input)
}

/// A face of a clustered run, and the photograph that shows it.
#[derive(Debug, Clone)]
pub struct ClusteredPhotograph {
    /// The photograph's name in `attributes.csv`.
    pub name: String,
    /// The face's cluster; noise has none.
    pub cluster: Option<usize>,
    /// The photograph, or the reason why it was not found.
    pub photograph: Result<ImageSource, String>,
}

/// Returns the photograph of each face of a run folder with `attributes.csv` and `clusters.json`. Photographs are looked for in
/// the places that [`load_run`] documents.
///
/// # Errors
/// Returns [`ReportError`] if a file is missing or malformed, or if the two come from different runs.
pub fn clustered_photographs(run: &Path, images: Option<&Path>) -> Result<Vec<ClusteredPhotograph>, ReportError> {
    if !run.is_dir() {
        return Err(ReportError::NoRun { path: run.to_path_buf() });
    }
    let require = |name: &str, command| {
        let path = run.join(name);
        if path.is_file() { Ok(path) } else { Err(ReportError::Missing { path, command }) }
    };
    let table = AttributeTable::read(&require("attributes.csv", "lineament predict IMAGES… --run RUN")?)?;
    let clusters = ClusterResult::read(&require("clusters.json", "lineament cluster --run RUN --k 8")?)?;
    refuse_stale(&table, "clusters.json", "cluster", clusters.attributes_sha256.clone())?;
    let (faces, labels) = (table.images.len(), clusters.labels.len());
    if faces != labels {
        let problem =
            format!("clusters.json has {labels} labels, but attributes.csv has {faces} rows; run `lineament cluster` again");
        return Err(ReportError::Mismatch { problem });
    }
    let mut places = Places { run, images, archives: OpenArchives::default() };
    let of_row = |(name, label): (String, i64)| {
        let photograph = places.find(&name);
        ClusteredPhotograph { name, cluster: usize::try_from(label).ok(), photograph }
    };
    Ok(table.images.into_iter().zip(clusters.labels).map(of_row).collect())
}

/// Refuses a result that was made from other attributes than those in the folder, as after another prediction. The paper's script
/// rounds the attributes before clustering.
fn refuse_stale(table: &AttributeTable, file: &str, verb: &str, made_from: Option<String>) -> Result<(), ReportError> {
    match made_from {
        Some(hash) if hash != table.sha256() && hash != table.rounded().sha256() => Err(ReportError::Mismatch {
            problem: format!(
                "{file} was made from other attributes than those in attributes.csv, which have perhaps been predicted again; run \
                 `lineament {verb}` again"
            ),
        }),
        _ => Ok(()),
    }
}

/// Reads the faces of an evaluation that lies in a folder of its own.
fn evaluated_faces(folder: &Path, places: &mut Places) -> Result<EvaluatedFaces, ReportError> {
    let table = AttributeTable::read(&folder.join("attributes.csv"))?;
    let (images, attributes, values) = (places.sources(&table, folder), table.attributes, table.values);
    Ok(EvaluatedFaces { images, attributes, values })
}

/// Returns the part of each picture that the network received as input, as recorded by the command that wrote `attributes.csv`.
fn crop(run: &Path, configuration: &Map<String, Value>) -> Result<Option<Crop>, ReportError> {
    let of_verb = |verb: &'static str| Some((verb, configuration.get(verb)?.get("crop")?));
    let Some((verb, recorded)) = of_verb("predict").or_else(|| of_verb("eval")) else { return Ok(None) };
    let crop = recorded.as_str().unwrap_or_default().parse();
    crop.map(Some).map_err(|problem: String| {
        let problem = format!("not a JSON object that records a run: {verb}.crop: {problem}");
        DataError::file(&run.join("config.json"), problem, "correct the file or remove it").into()
    })
}

/// Returns what the command that wrote `attributes.csv` did with stored orientations.
fn orientation(run: &Path, configuration: &Map<String, Value>) -> Result<StoredOrientation, ReportError> {
    let of_verb = |verb: &str| configuration.get(verb)?.get("orientation");
    let Some(recorded) = of_verb("predict").or_else(|| of_verb("eval")) else { return Ok(StoredOrientation::default()) };
    serde_json::from_value(recorded.clone()).map_err(|problem| {
        let problem = format!("not a JSON object that records a run: orientation: {problem}");
        DataError::file(&run.join("config.json"), problem, "correct the file or remove it").into()
    })
}

/// Returns the name of the run folder, also if its path is `.` or `..`.
fn title(run: &Path) -> String {
    let named = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    named(run).or_else(|| run.canonicalize().ok().as_deref().and_then(named)).unwrap_or_else(|| "Faces".into())
}

/// The places in which images are searched, as [`load_run`] documents them.
struct Places<'a> {
    run: &'a Path,
    images: Option<&'a Path>,
    archives: OpenArchives,
}

impl Places<'_> {
    /// Returns the picture of each row of a table: that of the aligned face, in the table's folder, if the table names one, and
    /// otherwise the image.
    fn sources(&mut self, table: &AttributeTable, folder: &Path) -> Vec<FaceSource> {
        let marks = table.faces.iter().map(Some).chain(std::iter::repeat(None));
        let rows = table.names().into_iter().zip(&table.images).zip(marks);
        rows.map(|((name, image), mark)| {
            let aligned = mark.and_then(|mark| mark.aligned.as_ref()).map(|aligned| folder.join(aligned));
            let file = match aligned.filter(|path| path.is_file()) {
                Some(path) => Ok(ImageSource::File(path)),
                None => self.find(image),
            };
            FaceSource { name, file }
        })
        .collect()
    }

    fn find(&mut self, name: &str) -> Result<ImageSource, String> {
        let (run, path) = (self.run, image_path(name));
        let mut candidates = vec![path.clone(), run.join(&path), run.join(CELEBA_FOLDER).join(&path)];
        if let Some(folder) = self.images {
            candidates.extend([folder.join(&path), folder.join(CELEBA_FOLDER).join(&path)]);
            candidates.extend(path.file_name().map(|file_name| folder.join(file_name)));
        }
        candidates.iter().find_map(|candidate| self.archives.locate(candidate)).ok_or_else(|| match self.images {
            Some(folder) => format!("not found in the current directory, in {} or in {}", run.display(), folder.display()),
            None => format!("not found in the current directory or in {}; name its folder with --images", run.display()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{input_of, written};
    use super::*;
    use crate::data::attributes::CELEBA_ATTRIBUTES;

    const ATTRIBUTES: &str = "image,Male,Bald\na.png,0.9,0\nb.png,1,0.25\n";
    const CLUSTERS: &str =
        r#"{"method":"kmeans","k":2,"silhouette":0.5,"inertia":0.1,"labels":[0,1],"sizes":[1,1],"select":["Bald"]}"#;

    /// Creates a run folder with the given files, as pairs of a name and a text.
    fn run_folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a written file");
        }
        folder
    }

    #[test]
    fn images_are_found_from_the_run_folder_and_the_given_folder() {
        let folder = run_folder(&[("attributes.csv", "image,Male\na.png,1\nsub/b.png,0\nold/c.png,0\nd.png,1\n")]);
        let clusters = r#"{"method":"kmeans","k":1,"silhouette":null,"inertia":0,"labels":[0,0,0,0],"sizes":[4]}"#;
        std::fs::write(folder.path().join("clusters.json"), clusters).expect("a written file");
        let images = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(images.path().join("sub")).expect("a folder");
        for path in [
            folder.path().join("a.png"),
            images.path().join("a.png"),
            images.path().join("sub/b.png"),
            images.path().join("c.png"),
        ] {
            std::fs::write(path, "").expect("a written file");
        }
        let input = load_run(folder.path(), None, Some(images.path())).expect("a run");
        let files: Vec<_> = input.images.iter().map(|image| image.file.as_ref().ok().map(|file| file.label())).collect();
        let expected = [folder.path().join("a.png"), images.path().join("sub/b.png"), images.path().join("c.png")];
        assert_eq!(files, expected.map(Some).into_iter().chain([None]).collect::<Vec<_>>());
        let without = load_run(folder.path(), None, None).expect("a run");
        let reason = without.images[1].file.as_ref().expect_err("not found");
        assert!(reason.contains("--images"), "{reason}");
    }

    #[test]
    fn celebas_own_list_takes_the_place_of_predictions() {
        let labels = |image: &str, first: &str| format!("{image} {first}{}\n", " -1".repeat(39));
        let list = format!("2\n{}\n{}{}", CELEBA_ATTRIBUTES.join(" "), labels("a.jpg", "1"), labels("b.jpg", "-1"));
        let clusters = CLUSTERS.replace(r#""k":2"#, r#""k":2,"images":["a.jpg","b.jpg"]"#);
        let folder = run_folder(&[("clusters.json", &clusters), ("list_attr_celeba.txt", &list)]);
        let list = folder.path().join("list_attr_celeba.txt");
        let input = load_run(folder.path(), Some(&list), None).expect("a run");
        assert_eq!((input.attributes.len(), input.images[1].name.as_str()), (40, "b.jpg"));
        assert_eq!((input.values[0], input.values[1..].iter().sum::<f32>()), (1.0, 0.0));
        let missing = load_run(folder.path(), None, None).expect_err("no table").to_string();
        assert!(missing.contains("--attributes"), "{missing}");
    }

    #[test]
    fn bad_runs_are_refused_with_file_line_and_remedy() {
        let attributes = ("attributes.csv", ATTRIBUTES);
        let clusters = ("clusters.json", CLUSTERS);
        let load = |files: &[(&str, &str)]| load_run(run_folder(files).path(), None, None);
        assert!(load(&[attributes, clusters]).is_ok());
        type Files<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(Files, &[&str])] = &[
            (&[clusters], &["attributes.csv: missing", "lineament predict"]),
            (&[attributes], &["clusters.json: missing", "lineament cluster"]),
            (&[("attributes.csv", ""), clusters], &["attributes.csv", "empty"]),
            (&[("attributes.csv", "picture,Male\na,1\n"), clusters], &["attributes.csv, line 1", "'picture'", "'image'"]),
            (&[("attributes.csv", "image,Male\n"), clusters], &["attributes.csv", "no rows"]),
            (&[("attributes.csv", "image,Male\na,1\nb,yes\n"), clusters], &["line 3", "Male", "'yes'"]),
            (&[("attributes.csv", "image,Male\na,NaN\n"), clusters], &["line 2", "'NaN'"]),
            (&[("attributes.csv", "image,Male\na,1.5\n"), clusters], &["face a, Male", "[0, 1], found 1.5"]),
            (&[("attributes.csv", "image,Male\na,1,0\n"), clusters], &["attributes.csv, line 2"]),
            (&[("attributes.csv", "image,Bald\na,1\n"), clusters], &["2 faces", "attributes.csv has 1"]),
            (&[("attributes.csv", "image,Male\na,1\nb,0\n"), clusters], &["\"Bald\"", "lineament cluster"]),
            (&[attributes, ("clusters.json", "[1]")], &["clusters.json", "line 1"]),
            (&[attributes, clusters, ("config.json", "[1]")], &["config.json", "JSON object"]),
            (&[attributes, clusters, ("config.json", "{")], &["config.json", "line 1"]),
            (&[attributes, clusters, ("config.json", r#"{"predict":{"crop":"all"}}"#)], &["config.json", "predict.crop", "LEFT"]),
            (&[attributes, clusters, ("history.csv", "epoch,loss\n1,2\n")], &["history.csv, line 2", "accuracy"]),
            (&[attributes, ("metrics.json", "{}")], &["metrics.json", "lineament eval"]),
            (&[attributes, clusters, ("config.json", r#"{"eval":{"crop":"1"}}"#)], &["config.json", "eval.crop", "LEFT"]),
            (
                &[attributes, ("clusters.json", &CLUSTERS.replace("\"k\":2", "\"k\":2,\"images\":[\"a.png\",\"c.png\"]"))],
                &["face 1 \"c.png\"", "\"b.png\"", "lineament cluster"],
            ),
        ];
        for (files, expected) in cases {
            let message = load(files).expect_err(&format!("{files:?}")).to_string();
            for part in *expected {
                assert!(message.contains(part), "{files:?}: {message:?} lacks {part:?}");
            }
        }
        let message = load_run(Path::new("/no/such/run"), None, None).expect_err("no run").to_string();
        assert!(message.contains("/no/such/run: no such run folder"), "{message}");
    }

    #[test]
    fn a_history_is_drawn_and_tabled() {
        let history =
            "epoch,loss,accuracy,validation_loss,validation_accuracy,seconds\n1,-0.6,0.7,-0.5,0.6,9\n2,-0.8,0.9,-0.7,0.8,9\n";
        let run = run_folder(&[("attributes.csv", ATTRIBUTES), ("clusters.json", CLUSTERS), ("history.csv", history)]);
        let input = load_run(run.path(), None, None).expect("a run");
        assert_eq!(input.history.len(), 2);
        let (page, _) = written(&input);
        assert!(page.contains("2 epochs; the best by validation accuracy is epoch 2."));
        assert!(page.contains("<polyline class=\"validation-line\" points=\"0.00,100.00 100.00,33.33\"/>"));
        let (without, _) = written(&input_of(&[&[1.0]], &[0]));
        assert!(!without.contains("id=\"training\""));
    }
}

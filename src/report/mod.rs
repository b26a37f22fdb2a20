//! Writes the HTML report of a run: contact sheets, charts and mean faces in one self-contained file.
//!
//! [`load_run`] reads a run folder into a [`ReportInput`]. [`write_report`] turns this into one page that contains its own
//! styles and pictures. The page makes no network requests, and it shows everything even where scripts are disabled. The same
//! input always gives the same bytes.

mod charts;
mod comparison;
mod contact_sheet;
mod eigenface;
mod error;
mod evaluation;
mod faces;
mod figure_five;
mod history;
mod loss_issue;
mod mean_face;
mod occurrence;
mod page;
mod provenance;
mod reproduction;
mod resize;
mod run_folder;
mod script;
mod section;
#[cfg(test)]
mod tests;
mod weighting;
mod wording;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cluster::{ClusterResult, Comparison};
use crate::data::atomic::write_atomically;
use crate::data::{Crop, ImageSource, StoredOrientation};
use crate::evaluation::{Evaluation, LossIssue, Reproduction};
use crate::profiles::Device;
pub use error::ReportError;
pub use figure_five::figure_five_svg;
pub use history::Epoch;
pub use resize::resize_bilinear;
pub use run_folder::{ClusteredPhotograph, clustered_photographs, load_run};
pub use weighting::{PartiallyPresent, partially_present};

/// The data that a report shows, for `n` faces and `a` attributes.
#[derive(Debug, Clone)]
pub struct ReportInput {
    /// Title of the page, usually the name of the run folder.
    pub title: String,
    /// The faces in the order of `attributes.csv`, shape `[n]`.
    pub images: Vec<FaceSource>,
    /// Names of the attributes, shape `[a]`.
    pub attributes: Vec<String>,
    /// Predicted probabilities, or labels that are 0 or 1. Shape `[n, a]`, row-major, each value in [0, 1].
    pub values: Vec<f32>,
    /// The part of each picture that the network received as input. The report shows this part only; `None` shows whole pictures.
    pub crop: Option<Crop>,
    /// What the prediction did with the orientation that a camera stored. The report shows the pictures in the same way.
    pub orientation: StoredOrientation,
    /// The clusters of these faces, if the run clustered them.
    pub clusters: Option<ClusterResult>,
    /// The clusters of the same faces by weighted attributes, if the run made such a clustering too.
    pub weighted: Option<ClusterResult>,
    /// The comparison of clustering methods by silhouette over the number of clusters, if the run made one.
    pub comparison: Option<Comparison>,
    /// The metrics of the values against labels, if the run evaluated them.
    pub evaluation: Option<Evaluation>,
    /// The faces that were evaluated. `None` means that they are the faces of the report.
    pub evaluated: Option<EvaluatedFaces>,
    /// The claims of the paper beside the results of the run, if the run reproduced the whole paper.
    pub reproduction: Option<Reproduction>,
    /// The comparison of losses on rare attributes, if the run made one.
    pub loss_issue: Option<LossIssue>,
    /// The settings of the run. Any JSON object is valid, and the page lists its entries.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// The training history, one entry per epoch; empty if the run did not train.
    pub history: Vec<Epoch>,
}

/// The faces of an evaluation, and the attributes predicted for them.
#[derive(Debug, Clone)]
pub struct EvaluatedFaces {
    /// The faces, shape `[n]`.
    pub images: Vec<FaceSource>,
    /// Names of the attributes, shape `[a]`.
    pub attributes: Vec<String>,
    /// Predicted probabilities, shape `[n, a]`, row-major.
    pub values: Vec<f32>,
}

/// The name of a face and the file that holds its picture.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceSource {
    /// Name of the face in `attributes.csv`; the report shows it.
    pub name: String,
    /// Where the picture is, or the reason why no picture was found.
    pub file: Result<ImageSource, String>,
}

/// An image that could not be read. The report shows a box with its name in its place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnreadableImage {
    /// Name of the image in `attributes.csv`.
    pub name: String,
    /// Why the image could not be read.
    pub reason: String,
}

/// A summary of the report that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSummary {
    /// Path of the report.
    pub path: PathBuf,
    /// Size of the report in bytes.
    pub bytes: u64,
    /// Number of faces in the report.
    pub faces: usize,
    /// Number of clusters in the report; 0 if the run did not cluster its faces.
    pub clusters: usize,
    /// The images that could not be read, in the order of `attributes.csv`.
    pub unreadable: Vec<UnreadableImage>,
}

impl ReportInput {
    /// Checks that the parts of the input come from the same run.
    ///
    /// # Errors
    /// Returns [`ReportError::Mismatch`] if two parts contradict each other. The error names the part, the expected value and
    /// the value found.
    pub fn check(&self) -> Result<(), ReportError> {
        let mismatch = |problem| Err(ReportError::Mismatch { problem });
        let (faces, attributes) = (self.images.len(), self.attributes.len());
        if attributes.checked_mul(faces) != Some(self.values.len()) {
            return mismatch(format!("attributes: expected {faces} × {attributes} values, found {}", self.values.len()));
        }
        if let Some(position) = self.values.iter().position(|value| !(0.0..=1.0).contains(value)) {
            return mismatch(format!(
                "attributes, face {}, {}: expected a probability in [0, 1], found {}",
                self.images[position / attributes].name,
                self.attributes[position % attributes],
                self.values[position]
            ));
        }
        if let Some(Err(problem)) = self.loss_issue.as_ref().map(LossIssue::check) {
            return mismatch(format!("loss_issue.json: {problem}; run `lineament reproduce --only loss-issue` again"));
        }
        for (file, clusters) in [("clusters.json", &self.clusters), ("clusters_weighted.json", &self.weighted)] {
            clusters.as_ref().map_or(Ok(()), |clusters| self.check_clusters(file, clusters))?;
        }
        if let Some(Err(problem)) = self.evaluation.as_ref().map(|evaluation| evaluation::check(self, evaluation)) {
            return mismatch(format!(
                "metrics.json: {problem}; it may come from a different run: run `lineament eval` again or remove metrics.json"
            ));
        }
        Ok(())
    }

    fn check_clusters(&self, file: &str, clusters: &ClusterResult) -> Result<(), ReportError> {
        let mismatch = |problem| Err(ReportError::Mismatch { problem });
        let faces = self.images.len();
        if let Err(problem) = clusters.check() {
            return mismatch(format!("{file}: {problem}; run `lineament cluster` again"));
        }
        if clusters.labels.len() != faces {
            return mismatch(format!(
                "{file} has labels for {} faces, but attributes.csv has {faces}: the files come from different runs; run \
                 `lineament cluster` again on this attributes.csv",
                clusters.labels.len()
            ));
        }
        let differing = self.images.iter().zip(&clusters.images).position(|(face, name)| face.name != *name);
        if let Some(row) = differing {
            return mismatch(format!(
                "{file} names face {row} {:?}, but attributes.csv names it {:?}: the files come from different runs; run \
                 `lineament cluster` again on this attributes.csv",
                clusters.images[row], self.images[row].name
            ));
        }
        if let Some(unknown) = clusters.select.iter().find(|name| !self.attributes.contains(name)) {
            return mismatch(format!(
                "{file} was made with the attribute {unknown:?}, which attributes.csv does not have: the files come from \
                 different runs; run `lineament cluster` again on this attributes.csv"
            ));
        }
        Ok(())
    }

    /// Returns the attributes that the clustering used, or an empty slice if it used all attributes.
    fn selected(&self) -> &[String] {
        self.clusters.as_ref().map_or(&[], |clusters| &clusters.select)
    }
}

/// Writes the report of `input` to the file `out`, without the principal components of each cluster's faces.
/// [`write_report_on`] computes these on a GPU.
///
/// The file is written completely or not at all. Images that cannot be read are not an error: the report shows a box with the
/// name of the image in its place and lists all such images at its end. The returned summary lists them too.
///
/// # Errors
/// Returns [`ReportError`] if the parts of the input do not come from the same run, or if the file cannot be written.
pub fn write_report(input: &ReportInput, out: &Path) -> Result<ReportSummary, ReportError> {
    write(input, None, out)
}

/// Writes the report as [`write_report`] does and adds the principal components of each cluster's faces, computed on `device`.
///
/// # Errors
/// Returns the errors of [`write_report`], and [`ReportError::Components`] if the GPU cannot compute the components.
pub fn write_report_on(device: &Device, input: &ReportInput, out: &Path) -> Result<ReportSummary, ReportError> {
    write(input, Some(device), out)
}

fn write(input: &ReportInput, device: Option<&Device>, out: &Path) -> Result<ReportSummary, ReportError> {
    input.check()?;
    let groups = faces::read(input, device)?;
    let mistakes = evaluation::portraits(input)?;
    let mut unreadable = faces::unreadable(&groups);
    for image in evaluation::unreadable(&mistakes) {
        if unreadable.iter().all(|listed| listed.name != image.name) {
            unreadable.push(image);
        }
    }
    let page = page::render(input, device.is_some(), &groups, &mistakes, &unreadable)?;
    write_atomically(out, |writer| writer.write_all(page.as_bytes()))?;
    Ok(ReportSummary {
        path: out.to_path_buf(),
        bytes: page.len() as u64,
        faces: input.images.len(),
        clusters: input.clusters.as_ref().map_or(0, |clusters| clusters.k),
        unreadable,
    })
}

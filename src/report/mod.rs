//! The HTML report of a run: contact sheets, charts and mean faces in one self-contained file.
//!
//! [`load_run`] reads a run folder into a [`ReportInput`]; [`write_report`] turns that into one page with its styles and
//! pictures inside, which opens anywhere, shows everything without its script and asks nothing of any network. The same input gives the same
//! bytes.

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
use crate::data::Crop;
use crate::data::atomic::write_atomically;
use crate::evaluation::{Evaluation, LossIssue, Reproduction};
use crate::profiles::Device;
pub use error::ReportError;
pub use figure_five::figure_five_svg;
pub use history::Epoch;
pub use resize::resize_bilinear;
pub use run_folder::load_run;
pub use weighting::{PartiallyPresent, partially_present};

/// Everything a report is made of, for `n` faces and `a` attributes.
#[derive(Debug, Clone)]
pub struct ReportInput {
    /// Title of the page, usually the run folder's name.
    pub title: String,
    /// The faces, in the order of `attributes.csv`, shape `[n]`.
    pub images: Vec<FaceSource>,
    /// Names of the attributes, shape `[a]`.
    pub attributes: Vec<String>,
    /// Probabilities or 0/1, shape `[n, a]`, row-major, each in [0, 1].
    pub values: Vec<f32>,
    /// The part of each picture that the network looked at; the report shows that part.
    pub crop: Option<Crop>,
    /// What the clustering found for these faces, if there was one.
    pub clusters: Option<ClusterResult>,
    /// What a clustering on weighted attributes found for the same faces, if there was one.
    pub weighted: Option<ClusterResult>,
    /// How the methods compare over the number of clusters, if they were compared.
    pub comparison: Option<Comparison>,
    /// How the values compare with labels, if they were compared.
    pub evaluation: Option<Evaluation>,
    /// The faces that were evaluated, where they are not those of the report.
    pub evaluated: Option<EvaluatedFaces>,
    /// What the paper says beside what the run found, if it went through all of the paper.
    pub reproduction: Option<Reproduction>,
    /// What the same network makes of rare attributes with several losses, if they were compared.
    pub loss_issue: Option<LossIssue>,
    /// How the run was made: any JSON object, shown as it is.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// The training history, one entry an epoch; empty if the run did not train.
    pub history: Vec<Epoch>,
}

/// Faces and what was predicted of them, for an evaluation.
#[derive(Debug, Clone)]
pub struct EvaluatedFaces {
    /// The faces, shape `[n]`.
    pub images: Vec<FaceSource>,
    /// Names of the attributes, shape `[a]`.
    pub attributes: Vec<String>,
    /// Probabilities, shape `[n, a]`, row-major.
    pub values: Vec<f32>,
}

/// Where the picture of one face is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceSource {
    /// Name as in `attributes.csv`, shown to readers.
    pub name: String,
    /// The file, or the reason why there is none.
    pub file: Result<PathBuf, String>,
}

/// An image that the report shows as a named box, because it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnreadableImage {
    /// Name as in `attributes.csv`.
    pub name: String,
    /// Why it could not be read.
    pub reason: String,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSummary {
    /// The report.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Number of faces it tells of.
    pub faces: usize,
    /// Number of clusters it tells of; 0 without a clustering.
    pub clusters: usize,
    /// The images that could not be read, in the order of `attributes.csv`.
    pub unreadable: Vec<UnreadableImage>,
}

impl ReportInput {
    /// Checks that the parts belong together.
    ///
    /// # Errors
    /// [`ReportError::Mismatch`] names the part, what was expected and what was found.
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
            return mismatch(format!("loss_issue.json {problem}; run `lineament reproduce --only loss-issue` again"));
        }
        for (file, clusters) in [("clusters.json", &self.clusters), ("clusters_weighted.json", &self.weighted)] {
            clusters.as_ref().map_or(Ok(()), |clusters| self.check_clusters(file, clusters))?;
        }
        if let Some(Err(problem)) = self.evaluation.as_ref().map(|evaluation| evaluation::check(self, evaluation)) {
            return mismatch(format!(
                "metrics.json {problem}: they are of different runs; run `lineament eval` again or remove metrics.json"
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
                "{file} has labels for {} faces, but attributes.csv has {faces}: they are of different runs; run \
                 `lineament cluster` again on this attributes.csv",
                clusters.labels.len()
            ));
        }
        let differing = self.images.iter().zip(&clusters.images).position(|(face, name)| face.name != *name);
        if let Some(row) = differing {
            return mismatch(format!(
                "{file} names face {row} {:?}, but attributes.csv names it {:?}: they are of different runs; run \
                 `lineament cluster` again on this attributes.csv",
                clusters.images[row], self.images[row].name
            ));
        }
        if let Some(unknown) = clusters.select.iter().find(|name| !self.attributes.contains(name)) {
            return mismatch(format!(
                "{file} was made with the attribute {unknown:?}, which attributes.csv does not have: they are of \
                 different runs; run `lineament cluster` again on this attributes.csv"
            ));
        }
        Ok(())
    }

    /// The attributes that the clustering was made on, if it was on a choice of them.
    fn selected(&self) -> &[String] {
        self.clusters.as_ref().map_or(&[], |clusters| &clusters.select)
    }
}

/// Writes the report of `input` to the file `out`, all of it or nothing, without the principal components of the clusters'
/// faces, which [`write_report_on`] computes on an adapter.
///
/// Images that cannot be read do not fail the report: it shows a named box in their place and lists them at its end, and
/// so does the summary.
///
/// # Errors
/// [`ReportError`] if the parts of the input do not belong together or the file cannot be written.
pub fn write_report(input: &ReportInput, out: &Path) -> Result<ReportSummary, ReportError> {
    write(input, None, out)
}

/// Writes the report as [`write_report`] does, with the principal components of each cluster's faces.
///
/// # Errors
/// As [`write_report`], and [`ReportError::Components`] if the adapter fails.
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

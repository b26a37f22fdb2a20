//! Writes the HTML report of a run folder.

use std::path::{Path, PathBuf};

use super::error::Error;
use crate::profiles::Device;
use crate::report::{ReportInput, ReportSummary, load_run, write_report, write_report_on};

/// The report of a run folder, ready to be written.
#[derive(Debug, Clone)]
pub struct Report {
    input: ReportInput,
    out: PathBuf,
}

impl Report {
    /// Reads a run folder: `attributes.csv`, and the results of a clustering, a comparison or an evaluation.
    ///
    /// # Errors
    /// A file that the report needs is missing, or a file is damaged.
    pub fn of_run(run: &Path) -> Result<Report, Error> {
        Report::new(run, None, None)
    }

    /// Reads a run folder as [`Report::of_run`] does. `attributes` replaces its `attributes.csv`, and images are also looked for
    /// in the folder `images`.
    ///
    /// # Errors
    /// The same as [`Report::of_run`].
    pub fn new(run: &Path, attributes: Option<&Path>, images: Option<&Path>) -> Result<Report, Error> {
        Ok(Report { input: load_run(run, attributes, images)?, out: run.join("report.html") })
    }

    /// Returns this report with `out` as its file, instead of `report.html` in the run folder.
    pub fn to_file(self, out: &Path) -> Report {
        Report { out: out.to_path_buf(), ..self }
    }

    /// Returns whether the report shows principal components of the clusters' faces, for which it needs a device.
    pub fn wants_device(&self) -> bool {
        self.input.clusters.is_some()
    }

    /// Writes the report, completely or not at all. Without a device, the principal components are missing. Images that cannot be
    /// read are listed in the summary and shown as boxes with their names.
    ///
    /// # Errors
    /// The files of the run do not belong together, the report cannot be written, or the device fails.
    pub fn write(&self, device: Option<&Device>) -> Result<ReportSummary, Error> {
        Ok(match device {
            Some(device) => write_report_on(device, &self.input, &self.out)?,
            None => write_report(&self.input, &self.out)?,
        })
    }
}

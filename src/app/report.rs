//! The HTML report of a run folder.

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
    /// Reads a run folder, with `attributes.csv` and what a clustering, a comparison or an evaluation left there.
    ///
    /// # Errors
    /// The folder lacks what a report needs, or a file in it is damaged.
    pub fn of_run(run: &Path) -> Result<Report, Error> {
        Report::new(run, None, None)
    }

    /// Reads a run folder as [`Report::of_run`] does. `attributes` takes the place of its `attributes.csv`; images are also looked
    /// for in `images`.
    ///
    /// # Errors
    /// As [`Report::of_run`].
    pub fn new(run: &Path, attributes: Option<&Path>, images: Option<&Path>) -> Result<Report, Error> {
        Ok(Report { input: load_run(run, attributes, images)?, out: run.join("report.html") })
    }

    /// Returns this report, to be written to another file than `report.html` in the run folder.
    pub fn to_file(self, out: &Path) -> Report {
        Report { out: out.to_path_buf(), ..self }
    }

    /// Returns whether the report shows principal components of the clusters' faces, which an adapter computes.
    pub fn wants_device(&self) -> bool {
        self.input.clusters.is_some()
    }

    /// Writes the report, all of it or nothing. Without a device it lacks the principal components. Images that cannot be read
    /// are listed in the summary and shown as named boxes.
    ///
    /// # Errors
    /// The parts of the run do not belong together, the file cannot be written, or the device fails.
    pub fn write(&self, device: Option<&Device>) -> Result<ReportSummary, Error> {
        Ok(match device {
            Some(device) => write_report_on(device, &self.input, &self.out)?,
            None => write_report(&self.input, &self.out)?,
        })
    }
}

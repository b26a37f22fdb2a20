//! `lineament report`

use std::path::PathBuf;

use clap::Args;
use lineament::report::{load_run, write_report, write_report_on};

use super::common::{GpuArguments, print_line};
use super::{Outcome, Verdict};

/// Write the HTML report of a run folder: contact sheets, attribute charts, eigenfaces, curves
#[derive(Args)]
pub struct Report {
    /// The run folder, with attributes.csv and what `cluster`, `compare` or `eval` left there
    run: PathBuf,
    /// Use this table instead of RUN/attributes.csv: one that `predict` wrote, or CelebA's own list_attr_celeba, .txt or .csv
    #[arg(long, value_name = "FILE")]
    attributes: Option<PathBuf>,
    /// Where the images lie, if not where attributes.csv says; CelebA's folder of lists will do
    #[arg(long)]
    images: Option<PathBuf>,
    /// Write to this file instead of RUN/report.html
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

impl Report {
    pub fn run(&self) -> Verdict {
        let input = load_run(&self.run, self.attributes.as_deref(), self.images.as_deref())?;
        let out = self.out.clone().unwrap_or_else(|| self.run.join("report.html"));
        // Only the components of a cluster's faces need an adapter.
        let device = input.clusters.is_some().then(|| self.device.open()).transpose();
        let summary = match device {
            Ok(Some(device)) => write_report_on(&device, &input, &out)?,
            Ok(None) => write_report(&input, &out)?,
            Err(error) if self.device.names_one() => return Err(error.into()),
            Err(error) => {
                eprintln!("note: {error}");
                eprintln!("note: without an adapter the report lacks the principal components of the clusters' faces");
                write_report(&input, &out)?
            }
        };
        if !summary.unreadable.is_empty() {
            eprintln!("{} images could not be shown:", summary.unreadable.len());
            for image in &summary.unreadable {
                eprintln!("  {}: {}", image.name, image.reason);
            }
        }
        print_line(out.display())?;
        Ok(if summary.unreadable.is_empty() { Outcome::Done } else { Outcome::Incomplete })
    }
}

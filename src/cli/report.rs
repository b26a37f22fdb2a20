//! `lineament report`

use std::path::PathBuf;

use clap::Args;
use lineament::app;

use super::arguments::GpuArguments;
use super::output::print_line;
use super::{Context, Outcome, Verdict};

/// Write an HTML report of a run folder: contact sheets, mean faces, attribute charts and training curves
#[derive(Args)]
pub struct Report {
    /// The run folder, with attributes.csv and the results of `cluster`, `compare` or `eval`
    run: PathBuf,
    /// Use this table instead of RUN/attributes.csv: a file written by `predict`, or CelebA's list_attr_celeba as .txt or .csv
    #[arg(long, value_name = "FILE")]
    attributes: Option<PathBuf>,
    /// Folder of the images, if they are not where attributes.csv says. CelebA's folder works too
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Write the report to this file instead of RUN/report.html
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

impl Report {
    pub fn run(&self, context: &Context) -> Verdict {
        let read =
            ["attributes.csv", "clusters.json", "clusters_weighted.json", "comparison.json", "metrics.json", "config.json"];
        let more = ["history.csv", "loss_issue.json", "reproduction.json", "train/history.csv"];
        let read: Vec<PathBuf> =
            read.into_iter().chain(more).map(|name| self.run.join(name)).chain(self.attributes.clone()).collect();
        let out = self.out.clone().unwrap_or_else(|| self.run.join("report.html"));
        app::refuse_overwriting([out], read.iter().map(PathBuf::as_path))?;
        let mut report = app::Report::new(&self.run, self.attributes.as_deref(), self.images.as_deref())?;
        if let Some(out) = &self.out {
            app::ensure_writable(out)?;
            report = report.to_file(out);
        }
        // An adapter is only needed for the principal components of the clusters' faces.
        let summary = match report.wants_device().then(|| self.device.open(context)).transpose() {
            Ok(device) => report.write(device.as_ref())?,
            Err(error) if self.device.names_one() => return Err(error.into()),
            Err(error) => {
                eprintln!("note: {error}");
                eprintln!("note: without an adapter the report lacks the principal components of the clusters' faces");
                report.write(None)?
            }
        };
        if !summary.unreadable.is_empty() {
            eprintln!("{} images could not be shown:", summary.unreadable.len());
            for image in &summary.unreadable {
                eprintln!("  {}: {}", image.name, image.reason);
            }
        }
        print_line(summary.path.display())?;
        Ok(Outcome::complete(summary.unreadable.is_empty()))
    }
}

//! `lineament report`

use std::path::PathBuf;

use clap::Args;
use lineament::report::{load_run, write_report};

use super::common::print_line;
use super::{Outcome, Verdict};

/// Write the HTML report of a run folder: contact sheets, attribute charts, mean faces
#[derive(Args)]
pub struct Report {
    /// The run folder, with attributes.csv and clusters.json
    run: PathBuf,
    /// Where the images lie, if not where attributes.csv says
    #[arg(long)]
    images: Option<PathBuf>,
    /// Write to this file instead of RUN/report.html
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Report {
    pub fn run(&self) -> Verdict {
        let input = load_run(&self.run, self.images.as_deref())?;
        let out = self.out.clone().unwrap_or_else(|| self.run.join("report.html"));
        let summary = write_report(&input, &out)?;
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

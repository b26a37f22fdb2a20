//! `lineament cluster`

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use lineament::app::{Clusterer, Phases, RunFolder, json_line};
use lineament::cluster::ClusterResult;

use super::arguments::GpuArguments;
use super::cluster_options::{MethodOptions, RowArguments};
use super::display::Display;
use super::output::{print_line, write_out};
use super::{Outcome, Verdict};

/// Group faces into clusters by their attributes
#[derive(Args)]
pub struct Cluster {
    #[command(flatten)]
    rows: RowArguments,
    #[command(flatten)]
    method: MethodOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Write the result as JSON to this file
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

impl Cluster {
    pub fn run(&self) -> Verdict {
        let display = Display::default();
        let context = display.context();
        let mut phases = Phases::default();
        self.method.check()?;
        let rows = self.rows.read(&context)?;
        let method = self.method.method(rows.columns.len())?;
        phases.end("read");
        let device = self.device.open(&context)?;
        phases.end("start");
        let columns = rows.columns.clone();
        let clusterer = Clusterer::new(&device, method, self.method.clusters()).with_context(&context);
        let result = clusterer.cluster_after(rows, phases)?;
        self.write(&result, self.rows.in_run("clusters.json").as_deref())?;
        if let Some(run) = &self.rows.run {
            RunFolder::create(run)?.record("cluster", Some(&device), Clusterer::details(&result, &columns), &context)?;
        }
        Ok(Outcome::Done)
    }

    fn write(&self, result: &ClusterResult, in_run: Option<&Path>) -> Result<(), Box<dyn Error>> {
        let bytes = json_line(result)?;
        for path in [self.out.as_deref(), in_run].into_iter().flatten() {
            write_out(Some(path), &bytes)?;
        }
        if self.json {
            write_out(None, &bytes)?;
            return Ok(());
        }
        print_line(Clusterer::summary(result).trim_end())?;
        Ok(())
    }
}

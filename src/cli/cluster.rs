//! `lineament cluster`

use std::path::PathBuf;

use clap::Args;
use lineament::app::{Clusterer, Phases, ensure_writable, json_line, refuse_overwriting, write_file};

use super::arguments::GpuArguments;
use super::cluster_options::{MethodOptions, RowArguments};
use super::output::{print_bytes, print_line};
use super::{Context, Outcome, Verdict};

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
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

impl Cluster {
    pub fn run(&self, context: &Context) -> Verdict {
        let mut phases = Phases::default();
        self.method.check()?;
        let in_run = self.rows.run.as_deref().map(|run| ["clusters.json", "config.json"].map(|name| run.join(name)));
        let outputs = self.out.iter().cloned().chain(in_run.into_iter().flatten());
        let inputs: Vec<PathBuf> = self.rows.files().into_iter().chain(self.method.file()).collect();
        refuse_overwriting(outputs, inputs.iter().map(PathBuf::as_path))?;
        let (rows, run) = self.rows.read(context)?;
        self.out.as_deref().map_or(Ok(()), ensure_writable)?;
        let method = self.method.method(rows.columns.len())?;
        phases.end("read");
        let device = self.device.open(context)?;
        phases.end("start");
        let columns = rows.columns.clone();
        let clusterer = Clusterer::new(&device, method, self.method.clusters()).with_context(context);
        let result = clusterer.cluster_after(rows, phases)?;
        let bytes = json_line(&result)?;
        if let Some(out) = &self.out {
            write_file(out, &bytes)?;
        }
        if let Some(run) = &run {
            write_file(&run.at("clusters.json"), &bytes)?;
            run.record("cluster", Some(&device), Clusterer::details(&result, &columns), context)?;
        }
        if self.json {
            print_bytes(&bytes)?;
        } else {
            print_line(Clusterer::summary(&result).trim_end())?;
        }
        Ok(Outcome::Done)
    }
}

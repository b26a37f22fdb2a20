//! `lineament profile`

use std::path::PathBuf;

use clap::Args;
use lineament::app::measure::{Ceilings, Profile as Measured, Workload, roofline_page, roofline_svg, to_csv, to_text, to_trace};
use lineament::app::{ensure_writable, write_file};
use serde_json::json;

use super::arguments::{GpuArguments, WorkloadArguments};
use super::output::print_result;
use super::{Context, Outcome, Verdict};

/// Show how long each kernel and layer of a prediction or training step takes, compared with the adapter's measured limits
#[derive(Args)]
pub struct Profile {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// Number of timed runs; their medians are reported
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// Write one row for each step to this CSV file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a trace for Perfetto or chrome://tracing to this JSON file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write a roofline chart to this file: an SVG image if its name ends in .svg, otherwise an HTML page
    #[arg(long, value_name = "FILE")]
    roofline: Option<PathBuf>,
    #[command(flatten)]
    device: GpuArguments,
}

impl Profile {
    pub fn run(&self, context: &Context) -> Verdict {
        for path in [&self.csv, &self.trace, &self.roofline].into_iter().flatten() {
            ensure_writable(path)?;
        }
        let model = self.workload.open()?;
        let device = self.device.open(context)?;
        let workload = Workload::new(&device, &model, &self.workload.options())?;
        let ceilings = Ceilings::measure(&device)?;
        let profile = Measured::measure(&device, &workload, ceilings, usize::from(self.runs))?;
        if let Some(path) = &self.csv {
            write_file(path, &to_csv(&profile)?)?;
        }
        if let Some(path) = &self.trace {
            write_file(path, &serde_json::to_vec(&to_trace(&profile))?)?;
        }
        if let Some(path) = &self.roofline {
            let is_chart = path.extension().is_some_and(|extension| extension == "svg");
            let text = if is_chart { roofline_svg(&profile)? } else { roofline_page(&profile)? };
            write_file(path, text.as_bytes())?;
        }
        let kernels = profile.groups(|step| format!("{} {}", step.kernel, step.variant));
        let total = profile.total();
        let whole = json!({ "adapter": device.report(), "profile": profile, "kernels": kernels, "total": total });
        print_result(self.json, &whole, || to_text(&profile))?;
        Ok(Outcome::Done)
    }
}

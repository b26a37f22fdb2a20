//! `lineament plan`

use clap::Args;
use lineament::app::measure::Workload;

use super::arguments::{GpuArguments, WorkloadArguments};
use super::display::Display;
use super::output::print_line;
use super::{Outcome, Verdict};

/// Print the plan of a prediction or training step: its steps, shapes, costs, memory layout and peak memory
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    workload: WorkloadArguments,
    #[command(flatten)]
    device: GpuArguments,
    /// Print the plans as one JSON object that another WebGPU program can replay. It holds kernels, expanded WGSL, constants,
    /// tensors, views and grids
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub fn run(&self) -> Verdict {
        let display = Display::default();
        let model = self.workload.open()?;
        let device = self.device.open(&display.context())?;
        let workload = Workload::new(&device, &model, &self.workload.options())?;
        if self.json {
            print_line(serde_json::to_string(&workload.document()?)?)?;
            return Ok(Outcome::Done);
        }
        print_line(workload.to_text(&device).trim_end())?;
        Ok(Outcome::Done)
    }
}

//! `lineament plan`

use clap::Args;
use lineament::app::measure::Workload;

use super::arguments::{GpuArguments, WorkloadArguments};
use super::output::print_line;
use super::{Context, Outcome, Verdict};

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
    pub fn run(&self, context: &Context) -> Verdict {
        let model = self.workload.open()?;
        let device = self.device.open(context)?;
        let workload = Workload::new(&device, &model, &self.workload.options())?;
        let text = if self.json { serde_json::to_string(&workload.document()?)? } else { workload.to_text(&device) };
        print_line(text.trim_end())?;
        Ok(Outcome::Done)
    }
}

//! `lineament plan`

use clap::Args;
use lineament::app::measure::{Traffic, Workload};
use lineament::scheduler::Arena;

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
        let (mut bytes, mut traffic, mut fused) = (0, 0, 0);
        for plan in &workload.plans {
            print_line(plan.to_string().trim_end())?;
            let arena = Arena::plan(plan, device.capabilities().buffer_bytes);
            print_line(arena.table(plan).trim_end())?;
            bytes += arena.bytes() + plan.persistent_bytes();
            let moved = Traffic::of(plan);
            (traffic, fused) = (traffic + moved.bytes, fused + moved.with_fused_expansions);
        }
        print_line(format_args!("{}: {:.1} MB on the device at most", workload.name, bytes as f64 / 1e6))?;
        let an_image = |bytes: u64| bytes as f64 / 1e6 / f64::from(workload.batch);
        // Training keeps the expanded tensors for the backward pass, so fusion would not save their traffic.
        let fused = if workload.is_training() {
            String::new()
        } else {
            format!("; {:.1} if all expansions were fused with their depthwise convolutions", an_image(fused))
        };
        print_line(format_args!("traffic by formula: {:.1} MB an image{fused}", an_image(traffic)))?;
        Ok(Outcome::Done)
    }
}

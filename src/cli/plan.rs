//! `lineament plan`

use clap::Args;
use lineament::model::Model;
use lineament::scheduler::Arena;

use super::common::{GpuArguments, default_batch, print_line};
use super::workload::WorkloadArguments;
use super::{Outcome, Verdict};

/// Print the plan of a prediction or training step: steps, shapes, cost, arena offsets, peak memory
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    workload: WorkloadArguments,
    #[command(flatten)]
    gpu: GpuArguments,
}

impl Plan {
    pub fn run(&self) -> Verdict {
        let model = Model::open(&self.workload.model, None)?;
        let gpu = self.gpu.open()?;
        let workload = self.workload.of(&gpu, &model, default_batch(&gpu))?;
        let mut bytes = 0;
        for plan in &workload.plans {
            print_line(plan.to_string().trim_end())?;
            let arena = Arena::plan(plan, gpu.limits().max_buffer_size);
            print_line(arena.table(plan).trim_end())?;
            bytes += arena.bytes() + plan.persistent_bytes();
        }
        print_line(format_args!("{}: {:.1} MB on the device at most", workload.name, bytes as f64 / 1e6))?;
        Ok(Outcome::Done)
    }
}

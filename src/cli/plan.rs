//! `lineament plan`

use clap::Args;
use lineament::app::measure::Workload;
use lineament::profiles::DeviceClass;

use super::arguments::{Choices, GpuArguments, WorkloadArguments, one_of};
use super::output::print_line;
use super::{Context, Outcome, Verdict};

/// The classes of devices.
const CLASSES: &Choices<DeviceClass> = &[
    ("gpu", "every GPU without a class of its own", DeviceClass::Gpu),
    ("amd", "AMD's GPUs", DeviceClass::Amd),
    ("nvidia", "NVIDIA's GPUs", DeviceClass::Nvidia),
    ("apple", "Apple's GPUs", DeviceClass::Apple),
    ("adreno", "Qualcomm's Adreno GPUs", DeviceClass::Adreno),
    ("software", "adapters that compute on the processor", DeviceClass::Software),
];

/// Print the plan of a prediction or training step: its steps, shapes, costs, memory layout and peak memory
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    workload: WorkloadArguments,
    #[command(flatten)]
    device: GpuArguments,
    /// Plan for a device of this class, with the variants that are shipped for it and the limits of the adapter [default: the class
    /// of the adapter]
    #[arg(long, value_parser = one_of(CLASSES))]
    class: Option<DeviceClass>,
    /// Print the plans as one JSON object that another WebGPU program can replay. It holds kernels, expanded WGSL, constants,
    /// tensors, views and grids
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub fn run(&self, context: &Context) -> Verdict {
        let model = self.workload.open()?;
        let mut device = self.device.open(context)?;
        if let Some(class) = self.class {
            device.plan_for(class);
        }
        let workload = Workload::new(&device, &model, &self.workload.options())?;
        let text = if self.json { serde_json::to_string(&workload.document()?)? } else { workload.to_text(&device) };
        print_line(text.trim_end())?;
        Ok(Outcome::Done)
    }
}

//! Times training steps of the paper's whole model for `kernels perf`, by the wall clock: the forward pass in training mode, and the
//! whole step with the backward pass and AdaDelta's update.

use lineament::app::measure::{Extent, Workload};
use lineament::nn::ModelError;
use lineament::nn::training::NetworkShape;
use lineament::profiles::Device;

use crate::harness::timing::{Timing, time_work};

/// (batch, height and width) of the steps that are timed.
pub const SHAPES: [(u32, u32); 2] = [(8, 224), (32, 128)];
/// What is timed, and what tables call it.
pub const EXTENTS: [(Extent, &str); 2] = [(Extent::Forward, "forward"), (Extent::Step, "step")];

/// The time of a step of MobileNetV2 with the paper's head.
///
/// # Errors
/// The network does not fit the adapter, or the device fails.
pub fn time(device: &Device, (batch, size): (u32, u32), extent: Extent, runs: usize) -> Result<Timing, ModelError> {
    let workload = Workload::training(device.profile(), &NetworkShape::paper(1.0, size, 37), batch, extent)?;
    let programs = workload.programs(device)?;
    time_work(runs, workload.plans.iter().map(|plan| plan.cost()).sum(), || {
        programs.iter().try_for_each(|program| program.run(device))?;
        Ok(device.wait()?)
    })
}

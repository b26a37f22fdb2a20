//! A training step of the paper's whole model as `kernels perf` times it: the forward pass in training mode, and the step
//! with its backward pass and AdaDelta's update, by the wall clock.

use std::time::Instant;

use lineament::gpu::Gpu;
use lineament::model::ModelError;
use lineament::profile::{Extent, Workload};
use lineament::train::network::NetworkShape;

use crate::perf::Timing;

/// (batch, height and width) of the steps that are timed.
pub const SHAPES: [(u32, u32); 2] = [(8, 224), (32, 128)];
/// What is timed, and what tables call it.
pub const EXTENTS: [(Extent, &str); 2] = [(Extent::Forward, "forward"), (Extent::Step, "step")];
/// Timed runs after the one that warms up; their median counts.
const RUNS: usize = 5;

/// The time of a step of MobileNetV2 with the paper's head.
///
/// # Errors
/// The network does not fit the adapter, or the device fails.
pub fn time(gpu: &Gpu, (batch, size): (u32, u32), extent: Extent) -> Result<Timing, ModelError> {
    let workload = Workload::training(gpu.target(), &NetworkShape::paper(1.0, size, 37), batch, extent)?;
    let programs = workload.programs(gpu)?;
    let mut seconds = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let start = Instant::now();
        for program in &programs {
            program.run(gpu)?;
        }
        gpu.wait()?;
        if run > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Timing { seconds: seconds[RUNS / 2], cost: workload.plans.iter().map(|plan| plan.cost()).sum() })
}

//! Times the whole backbone for `kernels perf`: one submission after the other, by the wall clock.

use lineament::nn::mobilenet_v2::mobilenet_v2;
use lineament::nn::{Backbone, ModelError};
use lineament::ops::Padding;
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::harness::timing::{Timing, time_work};

/// Batches that are timed, at 224 × 224.
pub const BATCHES: [u32; 3] = [1, 8, 32];

/// The time of the convolutions and the pool for a batch. Weights decide nothing about it, so they are made up.
///
/// # Errors
/// The batch does not fit the adapter, or the device fails.
pub fn time(device: &Device, batch: u32, runs: usize) -> Result<Timing, ModelError> {
    let tensor = |_: &str, shape: &[usize]| Ok(vec![0.5; shape.iter().product()]);
    let backbone = Backbone::load(&mobilenet_v2(1.0, Padding::TensorflowSame, 1e-3), &tensor)?;
    let planned = |backbone: &Backbone| backbone.plan_alone(device.profile(), [batch, 224]);
    // What the network asks for: composed layers compute more than that.
    let cost = planned(&backbone).0.cost();
    let backbone = backbone.composed();
    let (plan, [weights, ..]) = planned(&backbone);
    let program = Program::new(device, &plan, &[])?;
    program.write(device, weights, bytemuck::cast_slice(backbone.parameters()));
    time_work(runs, cost, || {
        program.run(device)?;
        Ok(device.wait()?)
    })
}

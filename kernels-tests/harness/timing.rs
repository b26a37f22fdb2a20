//! Times of several runs: their median and their spread, with warm and with cold caches.

use lineament::app::measure::{Spread, repeat, runs as count_runs, step_seconds, wall_seconds};
use lineament::device::DeviceError;
use lineament::ops::{STREAM, Stream};
use lineament::plan::{Cost, Plan};
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::harness::case::Case;

/// Number of vectors of four that are read and written to empty the caches, 64 MiB each.
const FLUSHED_VECTORS: u32 = 64 << 16;

/// The time of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Runs that follow each other, with warm caches.
    pub warm: Spread,
    /// Runs after the caches were emptied. Only single kernels have them.
    pub cold: Option<Spread>,
    /// Work of a run, counted from its formula.
    pub cost: Cost,
}

impl Timing {
    /// Returns floating-point operations per second.
    pub fn flops_a_second(&self) -> f64 {
        self.cost.flops as f64 / self.warm.median()
    }

    /// Returns bytes per second.
    pub fn bytes_a_second(&self) -> f64 {
        self.cost.bytes as f64 / self.warm.median()
    }
}

/// A program that empties the caches by reading and writing more memory than they hold.
pub struct ColdCaches(Program);

impl ColdCaches {
    /// Prepares the program.
    ///
    /// # Errors
    /// The device fails.
    pub fn new(device: &Device) -> Result<ColdCaches, DeviceError> {
        let vectors = FLUSHED_VECTORS.min((device.capabilities().binding_bytes / 32) as u32);
        let mut plan = Plan::new("cold caches");
        let [from, to] = ["from", "to"].map(|label| plan.persistent(label, 16 * u64::from(vectors)));
        plan.push(Stream { vectors }.step("stream", &STREAM.variants[0], from, to));
        Ok(ColdCaches(Program::new(device, &plan, &[])?))
    }

    fn empty(&self, device: &Device) -> Result<(), DeviceError> {
        self.0.run(device)?;
        device.wait()
    }
}

/// Runs a case once to warm up, then `runs` times in a row, and as often with cold caches.
///
/// # Errors
/// The plan does not fit the adapter, a shader does not compile, or the device fails.
pub fn time_case(device: &Device, case: &Case, runs: usize, cold: &ColdCaches) -> Result<Timing, DeviceError> {
    let program = Program::new(device, &case.plan, &[])?;
    for (view, bytes) in &case.inputs {
        program.write(device, *view, bytes);
    }
    program.run(device)?;
    device.wait()?;
    let warm = repeat(0, count_runs(runs), || step_seconds(device, &program))?;
    let cold = repeat(0, count_runs(runs), || {
        cold.empty(device)?;
        step_seconds(device, &program)
    })?;
    Ok(Timing { warm: Spread::of(warm), cold: Some(Spread::of(cold)), cost: case.plan.cost() })
}

/// Runs `work` once to warm up and then `runs` times, and measures the wall-clock time.
///
/// # Errors
/// The error that `work` returns.
pub fn time_work<E>(runs: usize, cost: Cost, mut work: impl FnMut() -> Result<(), E>) -> Result<Timing, E> {
    let seconds = repeat(1, count_runs(runs), || wall_seconds(&mut work))?;
    Ok(Timing { warm: Spread::of(seconds), cold: None, cost })
}

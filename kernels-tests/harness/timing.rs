//! How long something takes: several runs, their median and their spread, with warm and with cold caches.

use lineament::device::DeviceError;
use lineament::ops::{STREAM, Stream};
use lineament::plan::{Cost, Plan};
use lineament::profiles::Device;
use lineament::scheduler::Program;

use crate::harness::case::Case;

/// Vectors of four that are streamed to make the caches cold, 64 MiB each way.
const FLUSHED_VECTORS: u32 = 64 << 16;

/// Seconds of runs, from fastest to slowest; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Of runs in any order; `None` where there are none.
    pub fn new(mut seconds: Vec<f64>) -> Option<Spread> {
        seconds.sort_by(f64::total_cmp);
        (!seconds.is_empty()).then_some(Spread(seconds))
    }

    /// The run in the middle.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The runs between which the middle half lies.
    pub fn quartiles(&self) -> [f64; 2] {
        let last = self.0.len() - 1;
        [self.0[last / 4], self.0[last - last / 4]]
    }

    /// Fastest and slowest.
    pub fn range(&self) -> [f64; 2] {
        [self.0[0], self.0[self.0.len() - 1]]
    }

    /// Half the distance of the quartiles, as a share of the median.
    pub fn relative(&self) -> f64 {
        let [first, third] = self.quartiles();
        (third - first) / 2.0 / self.median()
    }
}

/// The time of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Runs that follow each other, so that what fits the caches is there.
    pub warm: Spread,
    /// Runs after another program has streamed through the caches; of single kernels alone.
    pub cold: Option<Spread>,
    /// Work by formula.
    pub cost: Cost,
}

impl Timing {
    /// Floating-point operations a second.
    pub fn flops_a_second(&self) -> f64 {
        self.cost.flops as f64 / self.warm.median()
    }

    /// Bytes a second.
    pub fn bytes_a_second(&self) -> f64 {
        self.cost.bytes as f64 / self.warm.median()
    }
}

/// What makes the caches cold: a program that streams through more memory than they hold.
pub struct ColdCaches(Program);

impl ColdCaches {
    /// The program, ready to run.
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
    let once = || Ok(program.run_timed(device)?.steps.iter().map(|step| step.seconds).sum::<f64>());
    let warm = (0..runs.max(1)).map(|_| once()).collect::<Result<Vec<f64>, DeviceError>>()?;
    let after_a_stream = (0..runs.max(1)).map(|_| cold.empty(device).and_then(|()| once()));
    let cold = after_a_stream.collect::<Result<Vec<f64>, DeviceError>>()?;
    let warm = Spread::new(warm).unwrap_or(Spread(vec![0.0]));
    Ok(Timing { warm, cold: Spread::new(cold), cost: case.plan.cost() })
}

/// Runs `work` once to warm up and then `runs` times, by the wall clock.
///
/// # Errors
/// Whatever `work` reports.
pub fn time_work<E>(runs: usize, cost: Cost, mut work: impl FnMut() -> Result<(), E>) -> Result<Timing, E> {
    work()?;
    let mut seconds = Vec::with_capacity(runs);
    for _ in 0..runs.max(1) {
        let start = std::time::Instant::now();
        work()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(Timing { warm: Spread::new(seconds).unwrap_or(Spread(vec![0.0])), cold: None, cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_median_and_quartiles() {
        let spread = Spread::new(vec![5.0, 1.0, 3.0, 2.0, 4.0]).expect("runs");
        assert_eq!((spread.median(), spread.quartiles(), spread.range()), (3.0, [2.0, 4.0], [1.0, 5.0]));
        assert!((spread.relative() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Spread::new(vec![]), None);
        assert_eq!(Spread::new(vec![2.0]).expect("a run").quartiles(), [2.0, 2.0]);
    }
}

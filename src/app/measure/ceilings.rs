//! Measures the limits of an adapter: multiply-adds in registers, and a stream through memory.

use super::timing::{Spread, repeat, runs, step_seconds};
use crate::device::DeviceError;
use crate::ops::{FUSED_MULTIPLY_ADD, FusedMultiplyAdd, STREAM, Stream};
use crate::plan::{Cost, Plan, Step, View};
use crate::profiles::Device;
use crate::scheduler::Program;

/// The measured limits of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ceilings {
    /// Floating-point operations per second; a multiply-add counts as two.
    pub flops_a_second: f64,
    /// Bytes per second, read and written.
    pub bytes_a_second: f64,
}

/// The limit that bounds a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Arithmetic: the kernel's arithmetic intensity is above the ridge point.
    Arithmetic,
    /// Memory: the kernel's arithmetic intensity is below the ridge point.
    Memory,
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Bound::Arithmetic => "arithmetic",
            Bound::Memory => "memory",
        })
    }
}

/// A shorter measurement would mostly measure the launch.
const SHORTEST_SECONDS: f64 = 0.02;
/// Number of timed runs after one to warm up. Their median counts.
const RUNS: usize = 5;
/// Number of four-component vectors in the stream: 64 MiB in each direction, which exceeds the caches.
const STREAM_VECTORS: u32 = 64 << 16;

impl Ceilings {
    /// Measures both limits with every variant of their kernels, and takes the best.
    ///
    /// # Errors
    /// The device fails.
    pub fn measure(device: &Device) -> Result<Ceilings, DeviceError> {
        let mut ceilings = Ceilings { flops_a_second: 0.0, bytes_a_second: 0.0 };
        // Enough threads to hide latencies.
        let vectors = 8 * device.profile().settings().threads_of_a_sum;
        for variant in FUSED_MULTIPLY_ADD.variants {
            let mut rounds = 64;
            loop {
                let shape = FusedMultiplyAdd { vectors, rounds, factor: 0.95 };
                let (seconds, cost) = time(device, vectors, |x, y| shape.step("multiply-add ceiling", variant, x, y))?;
                ceilings.flops_a_second = ceilings.flops_a_second.max(cost.flops as f64 / seconds);
                if seconds >= SHORTEST_SECONDS || rounds >= 1 << 24 {
                    break;
                }
                rounds *= 2;
            }
        }
        let vectors = STREAM_VECTORS.min((device.capabilities().binding_bytes / 32) as u32);
        for variant in STREAM.variants {
            let (seconds, cost) = time(device, vectors, |x, y| Stream { vectors }.step("stream ceiling", variant, x, y))?;
            ceilings.bytes_a_second = ceilings.bytes_a_second.max(cost.bytes as f64 / seconds);
        }
        Ok(ceilings)
    }

    /// Returns the limit that bounds work of the given cost: the one that takes longer.
    pub fn binding(self, cost: Cost) -> Bound {
        let (arithmetic, memory) = (cost.flops as f64 / self.flops_a_second, cost.bytes as f64 / self.bytes_a_second);
        if arithmetic > memory { Bound::Arithmetic } else { Bound::Memory }
    }

    /// Returns the shortest time in seconds that work of the given cost can take within these limits.
    pub fn least_seconds(self, cost: Cost) -> f64 {
        (cost.flops as f64 / self.flops_a_second).max(cost.bytes as f64 / self.bytes_a_second)
    }
}

/// Returns the median seconds, and the cost, of a step from one tensor of `vectors` vectors to another.
fn time(device: &Device, vectors: u32, step: impl Fn(View, View) -> Step) -> Result<(f64, Cost), DeviceError> {
    let mut plan = Plan::new("ceiling");
    let bytes = 16 * u64::from(vectors);
    let (x, y) = (plan.persistent("x", bytes), plan.persistent("y", bytes));
    plan.push(step(x, y));
    let program = Program::new(device, &plan, &[])?;
    program.run(device)?;
    device.wait()?;
    let seconds = repeat(0, runs(RUNS), || step_seconds(device, &program))?;
    Ok((Spread::of(seconds).median(), plan.cost()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ridge_tells_which_ceiling_binds() {
        let ceilings = Ceilings { flops_a_second: 100.0, bytes_a_second: 10.0 };
        for (flops, bytes, bound, least) in
            [(1000, 10, Bound::Arithmetic, 10.0), (10, 1000, Bound::Memory, 100.0), (100, 10, Bound::Memory, 1.0)]
        {
            let cost = Cost { flops, bytes };
            assert_eq!((ceilings.binding(cost), ceilings.least_seconds(cost)), (bound, least));
        }
    }
}

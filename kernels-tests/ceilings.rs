//! What the adapter can do at best, measured: multiply-adds in registers, and a stream through memory.

use lineament::gpu::{Gpu, GpuError};
use lineament::kernels::{FUSED_MULTIPLY_ADD, FusedMultiplyAdd, STREAM, Stream};

use crate::case::{Case, Purpose};
use crate::cases;
use crate::perf::{Timing, time};

/// The ceilings of an adapter.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Ceilings {
    /// Floating-point operations a second, a multiply-add being two.
    pub flops_a_second: f64,
    /// Bytes a second, read and written.
    pub bytes_a_second: f64,
}

/// A measurement shorter than this says more about the launch than about the arithmetic.
const SHORTEST_SECONDS: f64 = 0.02;

impl Ceilings {
    /// Measures both with every variant of their kernels and takes the best.
    ///
    /// # Errors
    /// The device fails.
    pub fn measure(gpu: &Gpu) -> Result<Ceilings, GpuError> {
        let mut ceilings = Ceilings { flops_a_second: 0.0, bytes_a_second: 0.0 };
        // Enough threads to fill a GPU; a processor needs fewer.
        let vectors = if gpu.is_software() { 16_384 } else { 1 << 19 };
        for variant in FUSED_MULTIPLY_ADD.variants {
            let shape = |rounds| FusedMultiplyAdd { vectors, rounds, factor: 0.95, addend: 0.3 };
            let timing = lengthen(gpu, |rounds| cases::fused_multiply_add::case(shape(rounds), variant, Purpose::Benchmark))?;
            ceilings.flops_a_second = ceilings.flops_a_second.max(timing.flops_a_second());
        }
        let vectors = cases::stream::LARGE.min((gpu.limits().max_storage_buffer_binding_size / 32) as u32);
        for variant in STREAM.variants {
            let case = cases::stream::case(Stream { vectors }, variant, Purpose::Benchmark);
            ceilings.bytes_a_second = ceilings.bytes_a_second.max(time(gpu, &case)?.bytes_a_second());
        }
        Ok(ceilings)
    }
}

/// Doubles the rounds until a run takes [`SHORTEST_SECONDS`].
fn lengthen(gpu: &Gpu, case: impl Fn(u32) -> Case) -> Result<Timing, GpuError> {
    let mut rounds = 64;
    loop {
        let timing = time(gpu, &case(rounds))?;
        if timing.seconds >= SHORTEST_SECONDS || rounds >= 1 << 24 {
            return Ok(timing);
        }
        rounds *= 2;
    }
}

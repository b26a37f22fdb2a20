//! Measures the time of passes: with timestamps of the GPU, or with the wall clock if timestamps are missing or wrong.

use std::time::Instant;

use super::pass::Pass;
use super::{DeviceError, Gpu};

/// The largest number of passes in a query set: WebGPU allows 4,096 queries, and each pass takes two.
const PASSES_PER_SET: usize = 2048;

/// The clock that measured a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Timestamps of the GPU, which were plausible.
    GpuTimestamps,
    /// The host's clock around the submission of one pass.
    WallClock,
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Clock::GpuTimestamps => "GPU timestamps",
            Clock::WallClock => "the wall clock",
        })
    }
}

/// The time of one pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassTime {
    /// Seconds from the beginning of the first pass to the beginning of this one.
    pub start: f64,
    /// Duration in seconds.
    pub seconds: f64,
}

impl Gpu {
    /// Runs `count` passes and returns the time of each and the clock that measured it. `record` gets the number of the pass,
    /// from 0, and records it. Without plausible timestamps, or with more than 2,048 passes, they run one by one.
    ///
    /// # Errors
    /// Returns the device's error.
    pub fn time_passes(&self, count: usize, record: impl Fn(usize, &mut Pass)) -> Result<(Vec<PassTime>, Clock), DeviceError> {
        if self.report().timestamps && (1..=PASSES_PER_SET).contains(&count) {
            let times = self.by_timestamps(count, &record)?;
            if are_plausible(&times) {
                return Ok((times, Clock::GpuTimestamps));
            }
        }
        let mut times = Vec::with_capacity(count);
        let mut start = 0.0;
        for index in 0..count {
            let seconds = self.by_wall_clock(|pass| record(index, pass))?;
            times.push(PassTime { start, seconds });
            start += seconds;
        }
        Ok((times, Clock::WallClock))
    }

    /// Runs all passes in one submission and returns their times by the GPU's timestamps.
    fn by_timestamps(&self, count: usize, record: &impl Fn(usize, &mut Pass)) -> Result<Vec<PassTime>, DeviceError> {
        let queries = 2 * count as u32;
        let set = self.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timing"),
            ty: wgpu::QueryType::Timestamp,
            count: queries,
        });
        let buffer = |usage| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timing"),
                size: u64::from(queries) * 8,
                usage,
                mapped_at_creation: false,
            })
        };
        let resolved = buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
        let staging = buffer(wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ);
        let mut encoder = self.encoder("timing");
        for index in 0..count {
            let writes = wgpu::ComputePassTimestampWrites {
                query_set: &set,
                beginning_of_pass_write_index: Some(2 * index as u32),
                end_of_pass_write_index: Some(2 * index as u32 + 1),
            };
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
            record(index, &mut Pass(encoder.begin_compute_pass(&descriptor)));
        }
        encoder.resolve_query_set(&set, 0..queries, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, None);
        self.submit(encoder);
        let ticks: Vec<u64> = self.map(&staging, staging.size(), None)?;
        let period = f64::from(self.queue.get_timestamp_period()) * 1e-9;
        let since = |tick: u64, before: u64| (tick as f64 - before as f64) * period;
        let first = ticks.first().copied().unwrap_or(0);
        Ok(ticks
            .chunks_exact(2)
            .map(|pair| PassTime { start: since(pair[0], first), seconds: since(pair[1], pair[0]) })
            .collect())
    }

    /// Runs one pass and returns its duration in seconds by the host's clock.
    fn by_wall_clock(&self, record: impl Fn(&mut Pass)) -> Result<f64, DeviceError> {
        self.wait()?;
        let mut encoder = self.encoder("timing");
        record(&mut Pass(encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default())));
        let start = Instant::now();
        self.submit(encoder);
        self.wait()?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// Returns whether timestamps are plausible. Some drivers write only zeros, or an end before the beginning.
fn are_plausible(times: &[PassTime]) -> bool {
    times.iter().all(|time| time.seconds.is_finite() && time.seconds >= 0.0 && time.start >= 0.0)
        && times.iter().any(|time| time.seconds > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implausible_timestamps_are_rejected() {
        let times = |pairs: &[(f64, f64)]| pairs.iter().map(|&(start, seconds)| PassTime { start, seconds }).collect::<Vec<_>>();
        assert!(are_plausible(&times(&[(0.0, 1e-3), (1e-3, 0.0)])));
        for implausible in
            [&[(0.0, 0.0), (0.0, 0.0)][..], &[(0.0, 1.0), (1.0, -1.0)], &[(0.0, 1.0), (-5.0, 1.0)], &[(0.0, f64::NAN)], &[]]
        {
            assert!(!are_plausible(&times(implausible)), "{implausible:?}");
        }
    }
}

//! Timing on the GPU, with the wall clock where timestamps are missing or wrong.

use std::time::Instant;

use super::{Gpu, GpuError};

/// The most queries that WebGPU allows in a set; two for each pass.
const PASSES_A_SET: usize = 2048;

impl Gpu {
    /// Runs `count` passes, each recorded by `record`, and returns the seconds that each took.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn time_passes(&self, count: usize, record: impl Fn(usize, &mut wgpu::ComputePass)) -> Result<Vec<f64>, GpuError> {
        if self.report().timestamps && count <= PASSES_A_SET {
            let seconds = self.by_timestamps(count, &record)?;
            // Drivers exist that write zeros, or an end before its beginning.
            if seconds.iter().all(|seconds| seconds.is_finite() && *seconds >= 0.0)
                && seconds.iter().any(|seconds| *seconds > 0.0)
            {
                return Ok(seconds);
            }
        }
        (0..count).map(|index| self.by_wall_clock(|pass| record(index, pass))).collect()
    }

    fn by_timestamps(&self, count: usize, record: &impl Fn(usize, &mut wgpu::ComputePass)) -> Result<Vec<f64>, GpuError> {
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
            let mut pass =
                encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) });
            record(index, &mut pass);
        }
        encoder.resolve_query_set(&set, 0..queries, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, None);
        self.submit(encoder);
        let ticks: Vec<u64> = self.map(&staging, staging.size())?;
        let period = f64::from(self.queue.get_timestamp_period()) * 1e-9;
        Ok(ticks.chunks_exact(2).map(|pair| (pair[1] as f64 - pair[0] as f64) * period).collect())
    }

    fn by_wall_clock(&self, record: impl Fn(&mut wgpu::ComputePass)) -> Result<f64, GpuError> {
        self.wait()?;
        let mut encoder = self.encoder("timing");
        record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        let start = Instant::now();
        self.submit(encoder);
        self.wait()?;
        Ok(start.elapsed().as_secs_f64())
    }
}

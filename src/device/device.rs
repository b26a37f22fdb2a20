//! The open device.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use super::DeviceError;
use super::adapter::{self, AdapterReport, AdapterRequest};
use super::kept_pipelines::KeptPipelines;
use super::pipeline::Cache;
use crate::plan::{Capabilities, Cost};

/// An open GPU: device, queue, limits and compiled pipelines.
pub struct Gpu {
    /// Before the device, which must be there when it is dropped.
    pub(super) kept_pipelines: Option<KeptPipelines>,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pipelines: Cache,
    /// Number of threads that compile the pipelines of a plan.
    pub(super) compilers: usize,
    /// Whether the driver compiles a pipeline when it is first dispatched instead of when it is made.
    pub(super) compiles_at_dispatch: bool,
    /// Through what was read back, to be used again.
    pub(super) staging: Mutex<Vec<wgpu::Buffer>>,
    /// How many buffers were made.
    pub(super) buffers: AtomicU64,
    /// How large they were together.
    pub(super) buffer_bytes: AtomicU64,
    adapter: wgpu::Adapter,
    limits: wgpu::Limits,
    report: AdapterReport,
    capabilities: Capabilities,
    failure: Arc<Mutex<Option<DeviceError>>>,
}

/// What a device allows one workgroup of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkgroupLimits {
    /// Largest number of threads.
    pub threads: u32,
    /// Largest number of bytes of workgroup memory.
    pub memory_bytes: u32,
    /// Largest number of storage bindings.
    pub storage_bindings: u32,
}

/// A limit's name, how to read it, and the least that will do.
type Need = (&'static str, fn(&wgpu::Limits) -> u64, u64);

/// What a run cannot do without.
const NEEDED: [Need; 3] = [
    ("storage buffers per stage", |limits| limits.max_storage_buffers_per_shader_stage as u64, 8),
    ("threads per workgroup", |limits| limits.max_compute_invocations_per_workgroup as u64, 256),
    ("bytes of workgroup memory", |limits| limits.max_compute_workgroup_storage_size as u64, 16_384),
];

/// What is used where an adapter has it.
const OPTIONAL: wgpu::Features = wgpu::Features::SUBGROUP
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SHADER_INT64)
    .union(wgpu::Features::PIPELINE_CACHE);

impl Gpu {
    /// Opens the adapter asked for, or the best of this machine.
    ///
    /// # Errors
    /// No adapter, none that matches, one that is too small, or one that does not open.
    pub fn open(request: &AdapterRequest) -> Result<Gpu, DeviceError> {
        let (index, adapter) = adapter::choose(request)?;
        let report = adapter::report(index, &adapter);
        let limits = match request.webgpu_limits {
            true => wgpu::Limits::default().or_worse_values_from(&adapter.limits()),
            false => wanted_limits(&adapter.limits()),
        };
        for (what, value, needed) in NEEDED {
            let found = value(&limits);
            if found < needed {
                return Err(DeviceError::TooSmall { adapter: report.name, what, found, needed });
            }
        }
        Gpu::on(adapter, report, limits)
    }

    /// Another device of the same adapter, which shares nothing with this one but the driver.
    pub(super) fn beside(&self) -> Result<Gpu, DeviceError> {
        Gpu::on(self.adapter.clone(), self.report.clone(), self.limits.clone())
    }

    fn on(adapter: wgpu::Adapter, report: AdapterReport, limits: wgpu::Limits) -> Result<Gpu, DeviceError> {
        let features = adapter.features() & OPTIONAL;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("lineament"),
            required_features: features,
            required_limits: limits.clone(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| DeviceError::NoDevice { adapter: report.name.clone(), reason: error.to_string() })?;

        let failure = Arc::new(Mutex::new(None));
        // wgpu's own handler panics; ours keeps the first error until the next check.
        let uncaptured = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            keep(&uncaptured, DeviceError::Validation { reason: error.to_string() })
        }));
        let lost = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                keep(&lost, DeviceError::Lost { reason: message });
            }
        });
        let capabilities = capabilities(&report, &limits);
        Ok(Gpu {
            kept_pipelines: None,
            device,
            queue,
            pipelines: Cache::default(),
            compilers: 1,
            compiles_at_dispatch: false,
            staging: Mutex::default(),
            buffers: AtomicU64::default(),
            buffer_bytes: AtomicU64::default(),
            adapter,
            limits,
            report,
            capabilities,
            failure,
        })
    }

    /// What the adapter is and can do.
    pub fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// Whether the adapter computes on the processor.
    pub fn is_software(&self) -> bool {
        self.report.kind == "software"
    }

    /// Returns the alignment in bytes that the device asks of a part of a uniform buffer.
    pub fn uniform_alignment(&self) -> u64 {
        u64::from(self.limits.min_uniform_buffer_offset_alignment)
    }

    /// Returns what the device allows one workgroup. Not every driver refuses a shader that needs more.
    pub fn workgroup_limits(&self) -> WorkgroupLimits {
        WorkgroupLimits {
            threads: self.limits.max_compute_invocations_per_workgroup,
            memory_bytes: self.limits.max_compute_workgroup_storage_size,
            storage_bindings: self.limits.max_storage_buffers_per_shader_stage,
        }
    }

    /// The limits the device was opened with.
    pub(super) fn limits(&self) -> &wgpu::Limits {
        &self.limits
    }

    /// Returns what the device can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// A cautious guess of how long a dispatch takes, in seconds, to keep submissions short.
    pub fn predicted_seconds(&self, cost: Cost) -> f64 {
        let (flops_a_second, bytes_a_second) = if self.is_software() { (5e9, 2e9) } else { (2e11, 2e10) };
        (cost.flops as f64 / flops_a_second).max(cost.bytes as f64 / bytes_a_second)
    }

    pub(super) fn encoder(&self, label: &str) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) })
    }

    pub(super) fn submit(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.queue.submit([encoder.finish()])
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// Whatever the device reported since the last check.
    pub fn wait(&self) -> Result<(), DeviceError> {
        self.wait_for(None)
    }

    /// Waits until a submission is done, or else all that were submitted.
    pub(super) fn wait_for(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<(), DeviceError> {
        let waited = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        self.check()?;
        waited.map(|_| ()).map_err(|error| DeviceError::Lost { reason: error.to_string() })
    }

    /// The first error that the device reported since the last check.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self) -> Result<(), DeviceError> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// WebGPU's defaults, raised to the adapter's own where a larger model, batch or tile profits.
fn wanted_limits(adapter: &wgpu::Limits) -> wgpu::Limits {
    let defaults = wgpu::Limits::downlevel_defaults();
    wgpu::Limits {
        max_storage_buffer_binding_size: adapter.max_storage_buffer_binding_size,
        max_buffer_size: adapter.max_buffer_size,
        max_storage_buffers_per_shader_stage: adapter.max_storage_buffers_per_shader_stage.min(8),
        max_compute_invocations_per_workgroup: adapter.max_compute_invocations_per_workgroup,
        max_compute_workgroup_size_x: adapter.max_compute_workgroup_size_x,
        max_compute_workgroup_storage_size: adapter.max_compute_workgroup_storage_size,
        min_storage_buffer_offset_alignment: adapter.min_storage_buffer_offset_alignment,
        min_uniform_buffer_offset_alignment: adapter.min_uniform_buffer_offset_alignment,
        ..defaults.or_worse_values_from(adapter)
    }
}

fn keep(failure: &Mutex<Option<DeviceError>>, error: DeviceError) {
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

/// Fills in what the device can do from the adapter's report and the limits it was opened with.
fn capabilities(report: &AdapterReport, limits: &wgpu::Limits) -> Capabilities {
    // Kernels of the subgroup family need one size that is known before they are compiled.
    let known = report.subgroup_size.filter(|[smallest, largest]| smallest == largest && *smallest >= 4);
    Capabilities {
        software: report.kind == "software",
        subgroup_size: known.map(|[size, _]| size),
        shader_f16: report.shader_f16,
        shader_int64: report.shader_int64,
        binding_bytes: limits.max_storage_buffer_binding_size,
        buffer_bytes: limits.max_buffer_size,
        workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
        workgroup_threads: limits.max_compute_invocations_per_workgroup,
        workgroups: limits.max_compute_workgroups_per_dimension,
    }
}

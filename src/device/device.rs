//! The open device.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use super::DeviceError;
use super::adapter::{self, AdapterReport, AdapterRequest};
use super::pipeline::Cache;
use super::pipeline_cache::PipelineCacheFile;
use crate::plan::{Capabilities, Cost};

/// An open GPU: device, queue, limits and compiled pipelines.
pub struct Gpu {
    /// The cache of compiled pipelines on disk. It is dropped before the device because it needs the device then.
    pub(super) pipeline_cache: Option<PipelineCacheFile>,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pipelines: Cache,
    /// Number of threads that compile pipelines.
    pub(super) compilers: usize,
    /// Whether the driver compiles a pipeline at its first dispatch instead of at its creation.
    pub(super) compiles_at_dispatch: bool,
    /// Staging buffers of earlier reads, to use again.
    pub(super) staging: Mutex<Vec<wgpu::Buffer>>,
    /// Number of buffers allocated so far.
    pub(super) buffers: AtomicU64,
    /// Total size in bytes of the buffers allocated so far.
    pub(super) buffer_bytes: AtomicU64,
    adapter: wgpu::Adapter,
    limits: wgpu::Limits,
    report: AdapterReport,
    capabilities: Capabilities,
    throughput: Throughput,
    /// The first error since the last check.
    failure: Arc<Mutex<Option<DeviceError>>>,
}

/// How much work a device is expected to do in a second. An estimate that is too low makes submissions shorter than necessary;
/// one that is too high may make submissions so long that a driver believes that the device hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throughput {
    /// Floating-point operations per second.
    pub flops_a_second: u64,
    /// Bytes read and written per second.
    pub bytes_a_second: u64,
}

impl Throughput {
    /// An estimate that holds for every device.
    pub const CAUTIOUS: Throughput = Throughput { flops_a_second: 5_000_000_000, bytes_a_second: 2_000_000_000 };
}

/// The limits of one workgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkgroupLimits {
    /// Largest number of threads.
    pub threads: u32,
    /// Largest number of bytes of workgroup memory.
    pub memory_bytes: u32,
    /// Largest number of storage bindings.
    pub storage_bindings: u32,
}

/// A limit's name, a function that reads it, and the lowest value that suffices.
type Need = (&'static str, fn(&wgpu::Limits) -> u64, u64);

/// The limits that every run needs.
const NEEDED: [Need; 3] = [
    ("storage buffers per stage", |limits| limits.max_storage_buffers_per_shader_stage as u64, 8),
    ("threads per workgroup", |limits| limits.max_compute_invocations_per_workgroup as u64, 256),
    ("bytes of workgroup memory", |limits| limits.max_compute_workgroup_storage_size as u64, 16_384),
];

/// The features that are enabled if the adapter has them.
const OPTIONAL: wgpu::Features = wgpu::Features::SUBGROUP
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SHADER_INT64)
    .union(wgpu::Features::PIPELINE_CACHE);

impl Gpu {
    /// Opens the requested adapter.
    ///
    /// # Errors
    /// Returns [`DeviceError::NoAdapter`] or [`DeviceError::NoSuchAdapter`] if no adapter is found, [`DeviceError::TooSmall`] if
    /// its limits are too low, or [`DeviceError::NoDevice`] if it cannot be opened.
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
        if request.cooperative_matrices && report.matrix_side.is_none() {
            return Err(DeviceError::NoCooperativeMatrices { adapter: report.name });
        }
        let matrix_side =
            report.matrix_side.filter(|_| request.cooperative_matrices).map(|side| request.matrix_side.unwrap_or(side));
        Gpu::open_adapter(adapter, report, limits, matrix_side)
    }

    /// Opens another device of the same adapter. The two share no buffers or pipelines.
    pub(super) fn open_another(&self) -> Result<Gpu, DeviceError> {
        Gpu::open_adapter(self.adapter.clone(), self.report.clone(), self.limits.clone(), self.capabilities.matrix_side)
    }

    /// Opens an adapter with the given limits, and with cooperative matrices of the given side, if there is one.
    fn open_adapter(
        adapter: wgpu::Adapter,
        report: AdapterReport,
        limits: wgpu::Limits,
        matrix_side: Option<u32>,
    ) -> Result<Gpu, DeviceError> {
        let mut features = adapter.features() & OPTIONAL;
        features.set(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, matrix_side.is_some());
        let experimental_features = match matrix_side.is_some() {
            // SAFETY: the kernels load and store matrices only within arrays of workgroup memory, where every element is valid.
            true => unsafe { wgpu::ExperimentalFeatures::enabled() },
            false => wgpu::ExperimentalFeatures::disabled(),
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("lineament"),
            required_features: features,
            required_limits: limits.clone(),
            experimental_features,
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| DeviceError::NoDevice { adapter: report.name.clone(), reason: error.to_string() })?;

        let failure = Arc::new(Mutex::new(None));
        // wgpu's default handler panics. This one stores the first error until the next check.
        let uncaptured = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            store_first(&uncaptured, DeviceError::Validation { reason: error.to_string() })
        }));
        let lost = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                store_first(&lost, DeviceError::Lost { reason: message });
            }
        });
        let capabilities = capabilities(&report, &limits, matrix_side);
        Ok(Gpu {
            pipeline_cache: None,
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
            throughput: Throughput::CAUTIOUS,
            failure,
        })
    }

    /// Returns the adapter's properties.
    pub fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// Returns whether the adapter computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.capabilities.software
    }

    /// Returns the alignment in bytes that the device requires of offsets in a uniform buffer.
    pub fn uniform_alignment(&self) -> u64 {
        u64::from(self.limits.min_uniform_buffer_offset_alignment)
    }

    /// Returns the limits of one workgroup. Some drivers accept a shader that exceeds them.
    pub fn workgroup_limits(&self) -> WorkgroupLimits {
        WorkgroupLimits {
            threads: self.limits.max_compute_invocations_per_workgroup,
            memory_bytes: self.limits.max_compute_workgroup_storage_size,
            storage_bindings: self.limits.max_storage_buffers_per_shader_stage,
        }
    }

    /// Returns the limits that the device was opened with.
    pub(super) fn limits(&self) -> &wgpu::Limits {
        &self.limits
    }

    /// Returns the device's capabilities.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Sets how much work the device is expected to do in a second.
    pub fn expect_throughput(&mut self, throughput: Throughput) {
        self.throughput = throughput;
    }

    /// Returns a cautious estimate of the duration of a dispatch in seconds. It serves to keep submissions short.
    pub fn predicted_seconds(&self, cost: Cost) -> f64 {
        let Throughput { flops_a_second, bytes_a_second } = self.throughput;
        (cost.flops as f64 / flops_a_second as f64).max(cost.bytes as f64 / bytes_a_second as f64)
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
    /// Returns the first error that the device reported since the last check.
    pub fn wait(&self) -> Result<(), DeviceError> {
        self.wait_for(None)
    }

    /// Waits until a submission is done, or all submissions if none is given.
    pub(super) fn wait_for(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<(), DeviceError> {
        let waited = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        self.check()?;
        waited.map(|_| ()).map_err(|error| DeviceError::Lost { reason: error.to_string() })
    }

    /// Checks whether the device has reported an error since the last check.
    ///
    /// # Errors
    /// Returns the first such error.
    pub fn check(&self) -> Result<(), DeviceError> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Returns wgpu's downlevel default limits, raised to the adapter's where larger models, batches or tiles benefit.
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

/// Stores an error, unless there is an earlier one.
fn store_first(failure: &Mutex<Option<DeviceError>>, error: DeviceError) {
    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

/// Derives the device's capabilities from the adapter's report, and from the limits and the side of cooperative matrices that the
/// device was opened with.
fn capabilities(report: &AdapterReport, limits: &wgpu::Limits, matrix_side: Option<u32>) -> Capabilities {
    // Subgroup kernels need a subgroup size that is known before they are compiled.
    let known = report.subgroup_size.filter(|[smallest, largest]| smallest == largest && *smallest >= 4);
    Capabilities {
        software: report.kind == "software",
        subgroup_size: known.map(|[size, _]| size),
        shader_f16: report.shader_f16,
        shader_int64: report.shader_int64,
        matrix_side,
        binding_bytes: limits.max_storage_buffer_binding_size,
        buffer_bytes: limits.max_buffer_size,
        workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
        workgroup_threads: limits.max_compute_invocations_per_workgroup,
        workgroups: limits.max_compute_workgroups_per_dimension,
    }
}

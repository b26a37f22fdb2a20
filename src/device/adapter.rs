//! Listing and choosing adapters.

use sha2::{Digest, Sha256};
use wgpu::{Backends, DeviceType};

use super::DeviceError;

/// Which adapter the user wants.
#[derive(Debug, Clone, Default)]
pub struct AdapterRequest {
    /// Part of its name, or its index in `lineament devices`.
    pub adapter: Option<String>,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: Option<String>,
    /// Whether to ask for no more than every implementation of WebGPU grants, where the adapter has more.
    pub webgpu_limits: bool,
}

/// An adapter and what matters of it to a kernel author.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterReport {
    /// Position in the list, for `--adapter`.
    pub index: usize,
    /// The driver's name of it.
    pub name: String,
    /// Graphics interface: vulkan, metal, dx12, gl.
    pub backend: String,
    /// discrete, integrated, virtual, software or other.
    pub kind: String,
    /// Driver and version.
    pub driver: String,
    /// Smallest and largest subgroup, where there are subgroups.
    pub subgroup_size: Option<[u32; 2]>,
    /// Whether shaders may compute in 16-bit floats.
    pub shader_f16: bool,
    /// Whether shaders may compute in 64-bit integers.
    pub shader_int64: bool,
    /// Whether passes can be timed on the GPU.
    pub timestamps: bool,
    /// Bytes that one storage binding may hold.
    pub storage_binding_bytes: u64,
    /// Bytes that one buffer may hold.
    pub buffer_bytes: u64,
    /// Bytes of workgroup memory.
    pub workgroup_memory_bytes: u32,
    /// Threads of a workgroup.
    pub workgroup_threads: u32,
    /// Bytes of immediates (push constants), 0 where there are none.
    pub immediate_bytes: u32,
}

/// The instance on `backends`; software adapters may not be fully conformant, so these are let in.
fn instance(backends: Backends) -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags |= wgpu::InstanceFlags::ALLOW_UNDERLYING_NONCOMPLIANT_ADAPTER;
    wgpu::Instance::new(descriptor)
}

fn backends(name: Option<&str>) -> Result<Backends, DeviceError> {
    let Some(name) = name else { return Ok(Backends::PRIMARY) };
    match name.to_ascii_lowercase().as_str() {
        "vulkan" => Ok(Backends::VULKAN),
        "metal" => Ok(Backends::METAL),
        "dx12" => Ok(Backends::DX12),
        "gl" | "gles" => Ok(Backends::GL),
        _ => {
            let found = ["vulkan", "metal", "dx12", "gl"].map(String::from).to_vec();
            Err(DeviceError::NoSuchAdapter { wanted: format!("backend {name}"), found })
        }
    }
}

impl AdapterReport {
    /// Sixteen hexadecimal digits that tell adapters, their graphics interfaces and drivers apart, for names of files.
    pub fn hash(&self) -> String {
        let words = format!("{}\0{}\0{}", self.name, self.backend, self.driver);
        Sha256::digest(words).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Real GPUs before software, Vulkan, Metal and DX12 before GL; never the backend that does nothing.
fn rank(info: &wgpu::AdapterInfo) -> (u8, u8) {
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    };
    (kind, u8::from(info.backend == wgpu::Backend::Gl))
}

fn of_backends(backends: Backends) -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance(backends).enumerate_adapters(backends));
    adapters.retain(|adapter| adapter.get_info().backend != wgpu::Backend::Noop);
    adapters
}

/// Adapters, best first. GL is asked only by name or where there is nothing else: it shows the same devices again.
fn enumerate(backend: Option<&str>) -> Result<Vec<wgpu::Adapter>, DeviceError> {
    let mut adapters = of_backends(backends(backend)?);
    if adapters.is_empty() && backend.is_none() {
        adapters = of_backends(Backends::GL);
    }
    adapters.sort_by_key(|adapter| rank(&adapter.get_info()));
    Ok(adapters)
}

/// Every adapter of this machine, best first.
///
/// # Errors
/// An unknown backend name.
pub fn list_adapters(backend: Option<&str>) -> Result<Vec<AdapterReport>, DeviceError> {
    Ok(enumerate(backend)?.iter().enumerate().map(|(index, adapter)| report(index, adapter)).collect())
}

pub(super) fn report(index: usize, adapter: &wgpu::Adapter) -> AdapterReport {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => "discrete",
        DeviceType::IntegratedGpu => "integrated",
        DeviceType::VirtualGpu => "virtual",
        DeviceType::Cpu => "software",
        DeviceType::Other => "other",
    };
    AdapterReport {
        index,
        name: info.name.clone(),
        backend: info.backend.to_string(),
        kind: kind.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        subgroup_size: features.contains(wgpu::Features::SUBGROUP).then_some([info.subgroup_min_size, info.subgroup_max_size]),
        shader_f16: features.contains(wgpu::Features::SHADER_F16),
        shader_int64: features.contains(wgpu::Features::SHADER_INT64),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        storage_binding_bytes: limits.max_storage_buffer_binding_size,
        buffer_bytes: limits.max_buffer_size,
        workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
        workgroup_threads: limits.max_compute_invocations_per_workgroup,
        immediate_bytes: limits.max_immediate_size,
    }
}

/// The adapter asked for, or the best there is.
pub(super) fn choose(request: &AdapterRequest) -> Result<(usize, wgpu::Adapter), DeviceError> {
    let adapters = enumerate(request.backend.as_deref())?;
    if adapters.is_empty() {
        return Err(DeviceError::NoAdapter);
    }
    let names: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    let chosen = match &request.adapter {
        None => Some(0),
        Some(wanted) => match wanted.parse::<usize>() {
            Ok(index) => (index < names.len()).then_some(index),
            Err(_) => names.iter().position(|name| name.to_lowercase().contains(&wanted.to_lowercase())),
        },
    };
    let Some(index) = chosen else {
        let found = names.iter().enumerate().map(|(index, name)| format!("{index} {name}")).collect();
        return Err(DeviceError::NoSuchAdapter { wanted: request.adapter.clone().unwrap_or_default(), found });
    };
    let adapter = adapters.into_iter().nth(index).ok_or(DeviceError::NoAdapter)?;
    Ok((index, adapter))
}

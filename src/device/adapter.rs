//! Lists and chooses adapters.

use sha2::{Digest, Sha256};
use wgpu::{Backends, DeviceType};

use super::DeviceError;
use crate::plan::hexadecimal;

/// Which adapter to open. By default, the best one.
#[derive(Debug, Clone, Default)]
pub struct AdapterRequest {
    /// Part of the adapter's name, or its index in the output of `lineament devices`.
    pub adapter: Option<String>,
    /// The graphics interface: `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: Option<String>,
    /// Whether to restrict the device to WebGPU's default limits even if the adapter has higher ones.
    pub webgpu_limits: bool,
    /// Whether to use cooperative matrices, which wgpu calls experimental. The adapter must have them.
    pub cooperative_matrices: bool,
    /// The side of cooperative matrices to use although the adapter does not list them. Mesa's lavapipe multiplies matrices of
    /// 16 × 16, which serves to test kernels for GPUs, but lists only those of 8 × 8.
    pub matrix_side: Option<u32>,
}

/// The properties of an adapter that matter to authors of kernels.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterReport {
    /// Position in the list of adapters, for `--adapter`.
    pub index: usize,
    /// The adapter's name according to the driver.
    pub name: String,
    /// Number by which PCI and Vulkan know the vendor, or 0 if the driver does not say.
    pub vendor: u32,
    /// Graphics interface: `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// Kind of adapter: `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: String,
    /// Name and version of the driver.
    pub driver: String,
    /// Smallest and largest subgroup size, if shaders support subgroups.
    pub subgroup_size: Option<[u32; 2]>,
    /// Whether shaders support 16-bit floats.
    pub shader_f16: bool,
    /// Whether shaders support 64-bit integers.
    pub shader_int64: bool,
    /// Side of the cooperative matrices of 16-bit floats that the GPU multiplies with sums in 32-bit floats, if it has any: 16,
    /// or 8.
    pub matrix_side: Option<u32>,
    /// Whether the GPU supports timestamps at the beginning and end of passes.
    pub timestamps: bool,
    /// Largest size of a storage binding in bytes.
    pub storage_binding_bytes: u64,
    /// Largest size of a buffer in bytes.
    pub buffer_bytes: u64,
    /// Largest size of workgroup memory in bytes.
    pub workgroup_memory_bytes: u32,
    /// Largest number of threads in a workgroup.
    pub workgroup_threads: u32,
    /// Largest size of immediates (push constants) in bytes, 0 if they are not supported.
    pub immediate_bytes: u32,
}

/// Creates a wgpu instance for `backends`. It allows adapters that do not conform fully, because software adapters may not.
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
    /// Returns sixteen hexadecimal digits that identify the adapter, its graphics interface and its driver. They are used in file
    /// names.
    pub fn hash(&self) -> String {
        let words = format!("{}\0{}\0{}", self.name, self.backend, self.driver);
        hexadecimal(&Sha256::digest(words)[..8])
    }
}

/// Returns the sorting key of an adapter: GPUs come before software adapters, and Vulkan, Metal and DX12 before GL.
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

/// Returns the adapters of `backends`, without wgpu's no-op backend.
fn of_backends(backends: Backends) -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance(backends).enumerate_adapters(backends));
    adapters.retain(|adapter| adapter.get_info().backend != wgpu::Backend::Noop);
    adapters
}

/// Returns all adapters, best first. GL shows the same devices as the other backends, so it is used only if named or if there is
/// no other adapter.
fn enumerate(backend: Option<&str>) -> Result<Vec<wgpu::Adapter>, DeviceError> {
    let mut adapters = of_backends(backends(backend)?);
    if adapters.is_empty() && backend.is_none() {
        adapters = of_backends(Backends::GL);
    }
    adapters.sort_by_key(|adapter| rank(&adapter.get_info()));
    Ok(adapters)
}

/// Returns a report of every adapter of this machine, best first.
///
/// # Errors
/// Returns [`DeviceError::NoSuchAdapter`] if the backend is unknown.
pub fn list_adapters(backend: Option<&str>) -> Result<Vec<AdapterReport>, DeviceError> {
    Ok(enumerate(backend)?.iter().enumerate().map(|(index, adapter)| report(index, adapter)).collect())
}

/// Returns the side of the cooperative matrices that kernels can use on an adapter. Their workgroups have 32 threads, so the
/// adapter must have subgroups of at most 32.
fn matrix_side(adapter: &wgpu::Adapter) -> Option<u32> {
    let needed = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SHADER_F16;
    if !adapter.features().contains(needed) || adapter.get_info().subgroup_min_size > 32 {
        return None;
    }
    let matrices = adapter.cooperative_matrix_properties();
    [16, 8].into_iter().find(|side| {
        matrices.iter().any(|matrix| {
            [matrix.m_size, matrix.n_size, matrix.k_size] == [*side; 3]
                && matrix.ab_type == wgpu::CooperativeScalarType::F16
                && matrix.cr_type == wgpu::CooperativeScalarType::F32
        })
    })
}

/// Returns the report of an adapter.
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
        vendor: info.vendor,
        backend: info.backend.to_string(),
        kind: kind.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        subgroup_size: features.contains(wgpu::Features::SUBGROUP).then_some([info.subgroup_min_size, info.subgroup_max_size]),
        shader_f16: features.contains(wgpu::Features::SHADER_F16),
        shader_int64: features.contains(wgpu::Features::SHADER_INT64),
        matrix_side: matrix_side(adapter),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        storage_binding_bytes: limits.max_storage_buffer_binding_size,
        buffer_bytes: limits.max_buffer_size,
        workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
        workgroup_threads: limits.max_compute_invocations_per_workgroup,
        immediate_bytes: limits.max_immediate_size,
    }
}

/// Returns the requested adapter and its index.
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

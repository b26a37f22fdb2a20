//! What a device can do, as far as plans and kernels depend on it.

use serde::{Deserialize, Serialize};

/// What a device can do. The device fills this struct once when it is opened; everything above asks it and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Whether the adapter computes on the processor.
    pub software: bool,
    /// The subgroup size, where it is the same for every kernel and known beforehand.
    pub subgroup_size: Option<u32>,
    /// Whether shaders compute in 16-bit floats.
    pub shader_f16: bool,
    /// Whether shaders have 64-bit integers. Some variants hold two floats in each to move eight floats at once.
    pub shader_int64: bool,
    /// The largest number of bytes in one storage binding.
    pub binding_bytes: u64,
    /// The largest number of bytes in one buffer.
    pub buffer_bytes: u64,
    /// Bytes of workgroup memory.
    pub workgroup_memory_bytes: u32,
    /// The largest number of threads in a workgroup.
    pub workgroup_threads: u32,
    /// The largest number of workgroups in one dimension of a dispatch.
    pub workgroups: u32,
}

impl Capabilities {
    /// Returns what every WebGPU implementation grants, with a known subgroup size if there is one. For plans without a device.
    pub fn webgpu(software: bool, subgroup_size: Option<u32>) -> Capabilities {
        Capabilities {
            software,
            subgroup_size,
            shader_f16: false,
            shader_int64: false,
            binding_bytes: 128 << 20,
            buffer_bytes: 256 << 20,
            workgroup_memory_bytes: 16_384,
            workgroup_threads: 256,
            workgroups: 65_535,
        }
    }
}

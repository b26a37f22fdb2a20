//! The capabilities of a device that plans and kernels depend on.

use serde::{Deserialize, Serialize};

/// The capabilities of a device. They are determined once when the device is opened, and all decisions of other modules depend
/// only on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Whether the adapter computes on the CPU.
    pub software: bool,
    /// The subgroup size, if it is the same for all kernels and known before compilation.
    pub subgroup_size: Option<u32>,
    /// Whether shaders support 16-bit floats.
    pub shader_f16: bool,
    /// Whether shaders support 64-bit integers. Some variants pack two floats into each, to move eight floats at once.
    pub shader_int64: bool,
    /// The side of the cooperative matrices that shaders may multiply, 16 or 8: matrices of 16-bit floats with sums in 32-bit
    /// floats. wgpu calls them experimental, so there is one only if the user asked for it.
    pub matrix_side: Option<u32>,
    /// The largest number of bytes in one storage binding.
    pub binding_bytes: u64,
    /// The largest number of bytes in one buffer.
    pub buffer_bytes: u64,
    /// The largest size of workgroup memory in bytes.
    pub workgroup_memory_bytes: u32,
    /// The largest number of threads in a workgroup.
    pub workgroup_threads: u32,
    /// The largest number of workgroups in one dimension of a dispatch.
    pub workgroups: u32,
}

impl Capabilities {
    /// Returns the capabilities that every WebGPU implementation guarantees, with the given subgroup size. They serve for plans
    /// without a device.
    pub fn webgpu(software: bool, subgroup_size: Option<u32>) -> Capabilities {
        Capabilities {
            software,
            subgroup_size,
            shader_f16: false,
            shader_int64: false,
            matrix_side: None,
            binding_bytes: 128 << 20,
            buffer_bytes: 256 << 20,
            workgroup_memory_bytes: 16_384,
            workgroup_threads: 256,
            workgroups: 65_535,
        }
    }
}

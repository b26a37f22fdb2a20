//! NVIDIA's GPUs.

mod table;

pub use table::TABLE;

/// The number by which PCI and Vulkan know the vendor.
pub const VENDOR: u32 = 0x10de;

//! Qualcomm's Adreno GPUs.

mod table;

pub use table::TABLE;

/// The number by which PCI and Vulkan know the vendor.
pub const VENDOR: u32 = 0x5143;

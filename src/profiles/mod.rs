//! Device profiles: which variant of a kernel an operation uses on which device.
//!
//! A profile holds the device's capabilities, the table of its class and the winners of the autotuner. It names variants by
//! identity; the operations above look them up.

mod device;
mod device_profile;
mod gpu;
mod operation_shape;
pub mod software;
mod winners;

pub use device::Device;
pub use device_profile::DeviceProfile;
pub use operation_shape::OperationShape;
pub use winners::Winners;

/// What holds for every operation on a class of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassSettings {
    /// Workgroups that a sum over many rows should have together.
    pub workgroups_of_a_sum: u32,
    /// Threads that a sum over rows of pixels should have together.
    pub threads_of_a_sum: u32,
    /// Whether kernels that compute distances and count bits exchange values by subgroup operations instead of workgroup memory.
    pub subgroup_distances: bool,
    /// Whether k-means looks distances up in tables that a subgroup holds.
    pub distance_tables: bool,
    /// Pixels that a thread of the resizing kernel writes at once: 2 where the device can, or 1.
    pub resize_pixels: u32,
}

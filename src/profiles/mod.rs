//! Device profiles: which variant of a kernel an operation uses on which device.
//!
//! A device belongs to a [`DeviceClass`]. A class has a table, whose rows name a variant by identity, say for which shapes it is
//! used, and tell what measured it. An operation takes the variant of the first row that applies, and that suits its shape and
//! the device's capabilities. What the autotuner measured on the very device ([`Winners`]) takes precedence over the table.
//!
//! To add a class, add it to [`DeviceClass`] and its table in a folder of its own. Everything else that is specific to the class
//! lives in that folder, too.

mod class;
mod device;
mod device_profile;
mod gpu;
mod operation_shape;
pub mod software;
mod table;
mod winners;

pub use class::DeviceClass;
pub use device::Device;
pub use device_profile::DeviceProfile;
pub use operation_shape::OperationShape;
pub use table::{Condition, Operation, Provenance, Quantity, Row};
pub use winners::Winners;

use crate::device::Throughput;

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
    /// How much work the device is expected to do in a second.
    pub throughput: Throughput,
}

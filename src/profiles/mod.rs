//! Device profiles: which variant of a kernel an operation uses on which device.
//!
//! A device belongs to a [`DeviceClass`]. A class has a table. Each row names a variant, the shapes for which it is used, and the
//! measurement behind it. An operation takes the variant of the first row that applies, and that suits its shape and the
//! device's capabilities. The variants that the autotuner measured on the device itself ([`Winners`]) take precedence over the
//! table.
//!
//! To add a class, add it to [`DeviceClass`] and its table in a folder of its own. Everything else that is specific to the class
//! lives in that folder, too.

mod adreno;
mod amd;
mod apple;
mod class;
mod desktop;
mod device;
mod device_profile;
mod gpu;
mod nvidia;
mod operation_shape;
pub mod software;
mod table;
mod winners;

pub use class::DeviceClass;
pub use desktop::expect_no_desktop;
pub use device::Device;
pub use device_profile::DeviceProfile;
pub use operation_shape::OperationShape;
pub use table::{Condition, Operation, Provenance, Quantity, Row};
pub use winners::Winners;

use crate::device::Throughput;

/// Settings of a class of devices that do not depend on an operation's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassSettings {
    /// Number of workgroups into which a sum over many rows should be split, over all its parts.
    pub workgroups_of_a_sum: u32,
    /// Number of threads into which a sum over rows of pixels should be split, over all its parts.
    pub threads_of_a_sum: u32,
    /// Whether kernels that compute distances and count bits exchange values by subgroup operations instead of workgroup memory.
    pub subgroup_distances: bool,
    /// Whether k-means looks distances up in tables that a subgroup holds.
    pub distance_tables: bool,
    /// Number of pixels that a thread of the resizing kernel writes at once: 1, or 2 on devices that support it.
    pub resize_pixels: u32,
    /// Number of images in a batch if the user names none.
    pub batch: u32,
    /// The amount of work that the device is expected to do in a second.
    pub throughput: Throughput,
}

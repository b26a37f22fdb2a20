//! Software adapters, which compute on the processor: their table, and everything else that is specific to them.

mod table;
mod threads;

pub use self::table::TABLE;

use self::threads::Threads;
use super::{ClassSettings, Device};
use crate::device::{AdapterRequest, DeviceError, Throughput};
use crate::plan::Capabilities;

/// Opens an adapter like [`Device::open`]. If it computes on the processor, this function also changes how its driver works
/// inside this process: it binds every thread that the driver started to a processor of its own. If the driver compiles on only
/// one thread per device, pipelines are compiled on several devices at once. The library never does this unless a program
/// calls this function.
///
/// # Errors
/// Returns the errors of [`Device::open`].
pub fn open(request: &AdapterRequest) -> Result<Device, DeviceError> {
    let threads = Threads::now();
    let mut device = Device::open(request)?;
    if device.capabilities().software {
        threads.bind_what_started();
        let report = device.report();
        if report.backend == "vulkan" && report.driver.starts_with("llvmpipe") {
            device.gpu_mut().compile_by_dispatching();
        }
    }
    Ok(device)
}

/// Returns the settings of a software adapter with these capabilities.
pub fn settings(capabilities: &Capabilities) -> ClassSettings {
    ClassSettings {
        workgroups_of_a_sum: 32,
        threads_of_a_sum: 2048,
        subgroup_distances: capabilities.subgroup_size.is_some(),
        // A shuffle between eight lanes is one instruction.
        distance_tables: capabilities.subgroup_size == Some(8),
        resize_pixels: 2,
        // Larger batches are no faster on a few threads, and take more memory.
        batch: 8,
        throughput: Throughput::CAUTIOUS,
    }
}

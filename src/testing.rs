//! What unit tests need of the machine. Where it is missing, the test is left out, and a line on stderr says so.
//!
//! With `LINEAMENT_TEST_ALL=1`, as `tools/test` sets it, nothing may be left out: what is missing is then a failure.

use std::io::Write;

use crate::device::{DeviceError, Gpu};
use crate::profiles::Device;

/// Opens the best adapter of this machine, or says that the test is left out.
pub(crate) fn device() -> Option<Device> {
    opened(Device::open(&Default::default()))
}

/// Opens the best adapter of this machine without a profile, or says that the test is left out.
pub(crate) fn gpu() -> Option<Gpu> {
    opened(Gpu::open(&Default::default()))
}

fn opened<T>(opened: Result<T, DeviceError>) -> Option<T> {
    match opened {
        Ok(device) => Some(device),
        Err(DeviceError::NoAdapter) if std::env::var_os("LINEAMENT_TEST_ALL").is_none_or(|value| value.is_empty()) => {
            let thread = std::thread::current();
            // Written past the test harness, which would keep the line to itself.
            let _ = writeln!(std::io::stderr(), "left out: {} needs a GPU adapter", thread.name().unwrap_or("a test"));
            None
        }
        Err(error) => panic!("this test needs a GPU adapter; `tools/setup` installs one: {error}"),
    }
}

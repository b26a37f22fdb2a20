//! An open device with its profile.

use std::ops::Deref;
use std::sync::Arc;

use super::{DeviceClass, DeviceProfile, Winners};
use crate::device::{AdapterRequest, DeviceError, Gpu};
use crate::plan::Capabilities;

/// An open device and the profile that its plans are made for.
pub struct Device {
    gpu: Gpu,
    profile: DeviceProfile,
}

impl Device {
    /// Opens the requested adapter with its shipped profile. Without a request, it opens the best adapter of this machine.
    ///
    /// # Errors
    /// Returns an error if there is no adapter, none matches the request, its limits are too low, or it does not open.
    pub fn open(request: &AdapterRequest) -> Result<Device, DeviceError> {
        let mut gpu = Gpu::open(request)?;
        let profile = DeviceProfile::of_adapter(gpu.report(), *gpu.capabilities());
        gpu.expect_throughput(profile.settings().throughput);
        Ok(Device { gpu, profile })
    }

    /// Returns the profile that plans for this device are made for.
    pub fn profile(&self) -> &DeviceProfile {
        &self.profile
    }

    /// Replaces the profile by the shipped one of another class. The plans that are made from now on serve to be printed and
    /// compared; this device may not be able to run them.
    pub fn plan_for(&mut self, class: DeviceClass) {
        let software = class == DeviceClass::Software;
        self.profile = DeviceProfile::of_class(class, Capabilities { software, ..self.profile.capabilities });
    }

    /// Sets measured variants. All plans that are made from now on use them.
    pub fn tune(&mut self, winners: Arc<Winners>) {
        self.profile = self.profile.with_winners(winners);
    }

    /// Returns the open GPU, to change how it compiles.
    pub fn gpu_mut(&mut self) -> &mut Gpu {
        &mut self.gpu
    }
}

impl Deref for Device {
    type Target = Gpu;

    fn deref(&self) -> &Gpu {
        &self.gpu
    }
}

//! Classes of devices, each with a table of variants.

use super::{ClassSettings, Row, adreno, amd, apple, gpu, nvidia, software};
use crate::device::AdapterReport;
use crate::plan::Capabilities;

/// A class of devices that share a table of variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceClass {
    /// Every GPU that has no class of its own.
    Gpu,
    /// AMD's GPUs.
    Amd,
    /// NVIDIA's GPUs.
    Nvidia,
    /// Apple's GPUs.
    Apple,
    /// Qualcomm's Adreno GPUs.
    Adreno,
    /// Adapters that compute on the processor.
    Software,
}

impl DeviceClass {
    /// Every class.
    pub const ALL: [DeviceClass; 6] =
        [DeviceClass::Gpu, DeviceClass::Amd, DeviceClass::Nvidia, DeviceClass::Apple, DeviceClass::Adreno, DeviceClass::Software];

    /// Returns the class of an adapter.
    pub fn of_adapter(report: &AdapterReport) -> DeviceClass {
        match (report.kind.as_str(), report.vendor) {
            ("software", _) => DeviceClass::Software,
            (_, amd::VENDOR) => DeviceClass::Amd,
            (_, nvidia::VENDOR) => DeviceClass::Nvidia,
            (_, apple::VENDOR) => DeviceClass::Apple,
            (_, adreno::VENDOR) => DeviceClass::Adreno,
            _ => DeviceClass::Gpu,
        }
    }

    /// Returns the rows of the class, in the order in which they are tried.
    ///
    /// The rows of cooperative matrices come first in every class. They apply only if the user asked for such matrices, and the
    /// adapter has them.
    ///
    /// The rows of [`DeviceClass::Gpu`] follow those of every other class. They apply to the operations and precisions for which
    /// the class has no row of its own.
    pub fn rows(self) -> impl Iterator<Item = &'static Row> {
        let own: &'static [Row] = match self {
            DeviceClass::Gpu => &[],
            DeviceClass::Amd => amd::TABLE,
            DeviceClass::Nvidia => nvidia::TABLE,
            DeviceClass::Apple => apple::TABLE,
            DeviceClass::Adreno => adreno::TABLE,
            DeviceClass::Software => software::TABLE,
        };
        gpu::COOPERATIVE.iter().chain(own).chain(gpu::TABLE)
    }

    /// Returns the settings for a device of the class.
    pub fn settings(self, capabilities: &Capabilities) -> ClassSettings {
        match self {
            DeviceClass::Software => software::settings(capabilities),
            _ => gpu::SETTINGS,
        }
    }
}

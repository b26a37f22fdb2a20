//! Classes of devices, each with a table of variants.

use super::{ClassSettings, Row, gpu, software};
use crate::device::AdapterReport;
use crate::plan::Capabilities;

/// A class of devices that share a table of variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceClass {
    /// Every GPU that has no class of its own.
    Gpu,
    /// Adapters that compute on the processor.
    Software,
}

impl DeviceClass {
    /// Every class.
    pub const ALL: [DeviceClass; 2] = [DeviceClass::Gpu, DeviceClass::Software];

    /// Returns the class of an adapter.
    pub fn of_adapter(report: &AdapterReport) -> DeviceClass {
        match report.kind.as_str() {
            "software" => DeviceClass::Software,
            _ => DeviceClass::Gpu,
        }
    }

    /// Returns the rows of the class, in the order in which they are tried.
    ///
    /// The rows of [`DeviceClass::Gpu`] follow those of every other class. They apply to the operations and precisions for which
    /// the class has no row of its own.
    pub fn rows(self) -> impl Iterator<Item = &'static Row> {
        let own: &'static [Row] = match self {
            DeviceClass::Gpu => &[],
            DeviceClass::Software => software::TABLE,
        };
        own.iter().chain(gpu::TABLE)
    }

    /// Returns the settings for a device of the class.
    pub fn settings(self, capabilities: &Capabilities) -> ClassSettings {
        match self {
            DeviceClass::Gpu => gpu::SETTINGS,
            DeviceClass::Software => software::settings(capabilities),
        }
    }
}

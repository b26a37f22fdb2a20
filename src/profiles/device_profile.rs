//! The profile of one device: its capabilities, its class, and the variants that were measured on it.

use std::sync::Arc;

use super::{ClassSettings, DeviceClass, OperationShape, Winners};
use crate::device::AdapterReport;
use crate::plan::{Capabilities, Precision, RowParts, VariantId};

/// Largest number of values that are added in `f32` without interruption. Longer runs lose more accuracy than the bounds of the
/// tests allow.
const LONGEST: u32 = 2048;

/// Everything that lowering needs to know about a device.
#[derive(Debug, Clone)]
pub struct DeviceProfile {
    /// The capabilities of the device.
    pub capabilities: Capabilities,
    /// How activations and weights are stored. Training uses 32-bit floats.
    pub precision: Precision,
    /// Whether products of matrices may round their operands to 16 bits, although they are stored at 32.
    pub mixed: bool,
    /// The class whose table of variants applies.
    class: DeviceClass,
    /// The fastest variants that the autotuner found on this device.
    winners: Option<Arc<Winners>>,
}

impl DeviceProfile {
    /// Returns the shipped profile of a device with these capabilities, for 32-bit floats. It serves for plans without an open
    /// device and chooses between [`DeviceClass::Software`] and [`DeviceClass::Gpu`]; [`DeviceProfile::of_adapter`] considers
    /// every class.
    pub fn new(capabilities: Capabilities) -> DeviceProfile {
        let class = if capabilities.software { DeviceClass::Software } else { DeviceClass::Gpu };
        DeviceProfile::of_class(class, capabilities)
    }

    /// Returns the shipped profile of a device of a class, for 32-bit floats.
    pub fn of_class(class: DeviceClass, capabilities: Capabilities) -> DeviceProfile {
        DeviceProfile { capabilities, precision: Precision::F32, mixed: false, class, winners: None }
    }

    /// Returns the shipped profile of an adapter, for 32-bit floats.
    pub fn of_adapter(report: &AdapterReport, capabilities: Capabilities) -> DeviceProfile {
        DeviceProfile::of_class(DeviceClass::of_adapter(report), capabilities)
    }

    /// Returns this profile with activations and weights stored at the given precision.
    pub fn with_precision(&self, precision: Precision) -> DeviceProfile {
        DeviceProfile { precision, ..self.clone() }
    }

    /// Returns this profile for mixed precision, or not: products of matrices then round their operands to 16 bits.
    pub fn with_mixed(&self, mixed: bool) -> DeviceProfile {
        DeviceProfile { mixed, ..self.clone() }
    }

    /// Returns this profile with variants that were measured on the device.
    pub fn with_winners(&self, winners: Arc<Winners>) -> DeviceProfile {
        DeviceProfile { winners: Some(winners), ..self.clone() }
    }

    /// Returns this profile as shipped: for 32-bit floats, without measured variants.
    pub fn shipped(&self) -> DeviceProfile {
        DeviceProfile { precision: Precision::F32, mixed: false, winners: None, ..self.clone() }
    }

    /// Returns the class of the device.
    pub fn class(&self) -> DeviceClass {
        self.class
    }

    /// Returns the measured variants, if there are any.
    pub fn winners(&self) -> Option<&Arc<Winners>> {
        self.winners.as_ref().filter(|winners| !winners.is_empty())
    }

    /// Returns the variants for an operation, best first: the measured winner, then those of the table of the device class. The
    /// operation takes the first that suits its shape and the device's capabilities.
    ///
    /// For several layers in one kernel, the variants that compute all of them come first, then those of the last layer alone.
    pub fn preferences(&self, shape: OperationShape) -> Vec<VariantId> {
        let winners = self.winners.as_ref().filter(|_| self.precision == Precision::F32 && !self.mixed);
        let winner = winners.and_then(|winners| winners.get(shape));
        let shapes = [Some(shape), shape.last_layer_alone()].into_iter().flatten();
        let rows = shapes.flat_map(|shape| {
            self.class.rows().filter(move |row| row.applies(shape, self.precision) && (self.mixed || !row.mixed))
        });
        winner.into_iter().chain(rows.map(|row| &row.variant)).cloned().collect()
    }

    /// Returns the settings of the device's class.
    pub fn settings(&self) -> ClassSettings {
        self.class.settings(&self.capabilities)
    }

    /// Splits a sum over `rows` rows into parts. Each part is computed by `workgroups_a_part` workgroups. The parts are short
    /// enough to be summed in `f32`, and there are enough of them to give every thread of the device work.
    pub fn row_parts(&self, rows: u32, workgroups_a_part: u32) -> RowParts {
        /// With fewer rows, writing and adding up the parts costs more than the sum.
        const SHORTEST: u32 = 128;
        let wanted = self.settings().workgroups_of_a_sum.div_ceil(workgroups_a_part.max(1));
        RowParts { rows, rows_a_part: rows.div_ceil(wanted).clamp(SHORTEST, LONGEST) }
    }

    /// Splits a sum over batch × height rows of `width` pixels into parts. Each part is computed by `threads` threads.
    pub fn pixel_row_parts(&self, batch: u32, [height, width]: [u32; 2], threads: u32) -> RowParts {
        let rows = batch * height;
        let wanted = self.settings().threads_of_a_sum;
        let rows_a_part = rows.div_ceil(wanted.div_ceil(threads.max(1)));
        RowParts { rows, rows_a_part: rows_a_part.min(LONGEST / width.max(1)).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(software: bool) -> DeviceProfile {
        DeviceProfile::new(Capabilities::webgpu(software, None))
    }

    #[test]
    fn parts_are_short_and_none_is_empty() {
        for (software, rows, workgroups) in
            [(true, 1, 1), (true, 100_352, 1), (true, 802_816, 12), (false, 802_816, 1), (false, 802_816, 4000), (false, 49, 1)]
        {
            let parts = profile(software).row_parts(rows, workgroups);
            assert_eq!(parts.rows, rows);
            assert!(parts.rows_a_part <= 2048 && (parts.count() - 1) * parts.rows_a_part < rows, "{parts:?}");
        }
    }

    #[test]
    fn parts_of_pixels_are_short_at_every_size() {
        for (software, size) in [(true, 7), (true, 112), (false, 14), (false, 224), (true, 5000)] {
            let parts = profile(software).pixel_row_parts(64, [size, size], 8);
            assert_eq!(parts.rows, 64 * size);
            // A row of pixels is never split.
            assert!(parts.rows_a_part == 1 || parts.rows_a_part * size <= 2048, "{parts:?}");
        }
    }
}

//! Variants of a kernel, and what they ask of an adapter.

use super::Precision;

/// What an adapter's shaders can do that not every adapter's can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The subgroup size, where it is known beforehand.
    pub lanes: Option<u32>,
    /// Whether they compute in 16-bit floats.
    pub shader_f16: bool,
    /// Whether they have 64-bit integers, which hold two floats each where eight are moved at once.
    pub shader_int64: bool,
}

/// One choice of tile shape for a kernel.
#[derive(Debug)]
pub struct Variant {
    /// What tables and `--variant` call it.
    pub name: &'static str,
    /// The expander's constants, but for those that [`Variant::expansion`] adds.
    pub constants: &'static [(&'static str, i64)],
    /// Whether it needs subgroups of one known size.
    pub subgroup: bool,
}

impl Variant {
    /// The constant `name`, which the variant must declare.
    pub fn constant(&self, name: &str) -> u32 {
        let found = self.constants.iter().find(|(known, _)| *known == name);
        found.map_or(1, |(_, value)| *value as u32)
    }

    /// What activations and weights are stored as: 16-bit floats where the constant `HALF` is 1.
    pub fn precision(&self) -> Precision {
        if self.constants.contains(&HALF) { Precision::F16 } else { Precision::F32 }
    }

    /// Whether it loads and stores eight numbers at once, so that channels come in multiples of eight.
    pub fn is_wide(&self) -> bool {
        self.constants.contains(&WIDE)
    }

    /// Whether all of these numbers of channels are multiples of what is loaded and stored at once.
    pub(crate) fn suits_channels<const N: usize>(&self, channels: [u32; N]) -> bool {
        channels.iter().all(|channels| channels.is_multiple_of(self.channels_at_once()))
    }

    /// Channels that are loaded and stored at once.
    pub(crate) fn channels_at_once(&self) -> u32 {
        if self.is_wide() { 8 } else { 4 }
    }

    /// What an adapter lacks to run it, if anything.
    pub fn lacks(&self, capabilities: Capabilities) -> Option<&'static str> {
        if self.subgroup && capabilities.lanes.is_none() {
            Some("the adapter has no subgroups of one size that is known beforehand")
        } else if self.precision() == Precision::F16 && !capabilities.shader_f16 {
            Some("the adapter's shaders have no 16-bit floats")
        } else if self.is_wide() && !capabilities.shader_int64 {
            Some("the adapter's shaders have no 64-bit integers")
        } else {
            None
        }
    }

    /// What the expander is given: the constants, `HALF`, `WIDE` and `PARTS` (vectors of four that a thread keeps of what it computes)
    /// where they are not among them, and where [`Variant::subgroup`] is set the adapter's subgroup size as `LANES` and its binary
    /// logarithm as `LANE_BITS`.
    pub fn expansion(&self, lanes: Option<u32>) -> Vec<(&'static str, i64)> {
        let mut constants = self.constants.to_vec();
        let wide = i64::from(self.is_wide());
        for (name, value) in [("HALF", 0), ("WIDE", 0), ("PARTS", 1 + wide)] {
            if !self.constants.iter().any(|(known, _)| *known == name) {
                constants.push((name, value));
            }
        }
        if let (true, Some(lanes)) = (self.subgroup, lanes) {
            constants.extend([("LANES", i64::from(lanes)), ("LANE_BITS", i64::from(lanes.ilog2()))]);
        }
        constants
    }
}

/// The constant of variants that store 16-bit floats.
pub(super) const HALF: (&str, i64) = ("HALF", 1);

/// The constant of variants that load and store eight 32-bit floats at once.
pub(super) const WIDE: (&str, i64) = ("WIDE", 1);

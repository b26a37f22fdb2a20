//! Variants of a kernel, and what they require of a device.

use super::{Capabilities, Precision};

/// A variant of a kernel: the same shader with other constants, usually another tile shape.
#[derive(Debug)]
pub struct Variant {
    /// The variant's name in tables and for `--variant`.
    pub name: &'static str,
    /// Constants for the expander, without those that [`Variant::expansion`] adds.
    pub constants: &'static [(&'static str, i64)],
    /// Whether it needs a subgroup size that is known before it is compiled.
    pub subgroup: bool,
}

impl Variant {
    /// Returns the value of a constant.
    ///
    /// # Panics
    /// Panics if the variant declares no constant of this name.
    pub fn constant(&self, name: &str) -> u32 {
        match self.constants.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => *value as u32,
            None => panic!("variant {} declares no constant {name}", self.name),
        }
    }

    /// Returns how activations and weights are stored: as 16-bit floats where the constant `HALF` is 1.
    pub fn precision(&self) -> Precision {
        if self.constants.contains(&HALF) { Precision::F16 } else { Precision::F32 }
    }

    /// Returns whether it loads and stores eight channels at once. Such variants need channel counts that are multiples of eight.
    pub fn is_wide(&self) -> bool {
        self.constants.contains(&WIDE)
    }

    /// Returns whether it multiplies cooperative matrices.
    pub fn is_cooperative(&self) -> bool {
        self.constants.contains(&COOPERATIVE)
    }

    /// Returns whether it stores 32-bit floats, but rounds the operands of its products to 16 bits.
    pub fn rounds_operands(&self) -> bool {
        self.is_cooperative() && self.precision() == Precision::F32
    }

    /// Returns whether it uses what no browser has, because it is not part of the WGSL standard: 64-bit integers or cooperative
    /// matrices. All other variants compile in every implementation of WebGPU.
    pub fn is_native_only(&self) -> bool {
        self.is_wide() || self.is_cooperative()
    }

    /// Returns whether every one of these channel counts is a multiple of the number of channels loaded at once.
    pub fn suits_channels<const N: usize>(&self, channels: [u32; N]) -> bool {
        channels.iter().all(|channels| channels.is_multiple_of(self.channels_at_once()))
    }

    /// Returns the number of channels that are loaded and stored at once.
    pub fn channels_at_once(&self) -> u32 {
        if self.is_wide() { 8 } else { 4 }
    }

    /// Returns the reason why a device cannot run this variant, if there is one.
    pub fn lacks(&self, capabilities: &Capabilities) -> Option<&'static str> {
        if self.subgroup && capabilities.subgroup_size.is_none() {
            Some("the adapter has no subgroup size that is known before compilation")
        } else if self.precision() == Precision::F16 && !capabilities.shader_f16 {
            Some("the adapter's shaders do not support 16-bit floats")
        } else if self.is_wide() && !capabilities.shader_int64 {
            Some("the adapter's shaders do not support 64-bit integers")
        } else if self.is_cooperative() && capabilities.matrix_side.is_none() {
            Some("the adapter was opened without cooperative matrices")
        } else if self.is_cooperative() && capabilities.matrix_side != Some(self.constant("SIDE")) {
            Some("the adapter multiplies cooperative matrices of another size")
        } else {
            None
        }
    }

    /// Returns the constants for the expander: the variant's own; `HALF`, `WIDE` and `PARTS` (vectors of four per thread)
    /// where the variant does not set them; and, for subgroup variants, the subgroup size as `LANES` and its binary logarithm
    /// as `LANE_BITS`.
    pub fn expansion(&self, subgroup_size: Option<u32>) -> Vec<(&'static str, i64)> {
        let mut constants = self.constants.to_vec();
        let wide = i64::from(self.is_wide());
        for (name, value) in [("HALF", 0), ("WIDE", 0), ("PARTS", 1 + wide)] {
            if !self.constants.iter().any(|(known, _)| *known == name) {
                constants.push((name, value));
            }
        }
        if let (true, Some(lanes)) = (self.subgroup, subgroup_size) {
            constants.extend([("LANES", i64::from(lanes)), ("LANE_BITS", i64::from(lanes.ilog2()))]);
        }
        constants
    }
}

/// The constant of variants that store 16-bit floats.
pub const HALF: (&str, i64) = ("HALF", 1);

/// The constant of variants that load and store eight 32-bit floats at once.
pub const WIDE: (&str, i64) = ("WIDE", 1);

/// The constant of variants that multiply cooperative matrices. They need 16-bit floats even where they store 32-bit floats.
pub const COOPERATIVE: (&str, i64) = ("COOPERATIVE", 1);

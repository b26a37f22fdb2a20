//! The precision at which activations and weights are stored.

use half::f16;

/// The precision at which inference stores activations and weights. Biases, results and sums are always 32-bit floats, with one
/// exception: at 16 bits, pointwise convolutions sum groups of sixteen products in 16-bit floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, which halve the memory traffic. The adapter's shaders must support them.
    F16,
}

impl Precision {
    /// Returns the number of bytes of a value.
    pub const fn bytes(self) -> u64 {
        match self {
            Precision::F32 => 4,
            Precision::F16 => 2,
        }
    }

    /// Returns the largest finite value.
    pub fn largest(self) -> f32 {
        match self {
            Precision::F32 => f32::MAX,
            Precision::F16 => f16::MAX.to_f32(),
        }
    }

    /// Returns the bytes of values that are stored at this precision, each rounded to the nearest.
    pub fn stored(self, values: &[f32]) -> Vec<u8> {
        match self {
            Precision::F32 => bytemuck::cast_slice(values).to_vec(),
            Precision::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_ne_bytes()).collect(),
        }
    }

    /// Returns values rounded to this precision, as a kernel reads them.
    pub fn rounded(self, values: &[f32]) -> Vec<f32> {
        match self {
            Precision::F32 => values.to_vec(),
            Precision::F16 => values.iter().map(|value| f16::from_f32(*value).to_f32()).collect(),
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str(match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
        })
    }
}

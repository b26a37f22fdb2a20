//! What activations and weights are stored as.

use half::f16;

/// How the activations and weights of a prediction lie in memory. Biases, results and sums are 32-bit floats in either, but for the sums
/// of sixteen products of a pointwise convolution in 16-bit floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, on adapters whose shaders compute in them: half the traffic.
    F16,
}

impl Precision {
    /// Bytes of a number.
    pub const fn bytes(self) -> u64 {
        match self {
            Precision::F32 => 4,
            Precision::F16 => 2,
        }
    }

    /// The largest number that there is.
    pub fn largest(self) -> f32 {
        match self {
            Precision::F32 => f32::MAX,
            Precision::F16 => f16::MAX.to_f32(),
        }
    }

    /// Numbers as they are stored, each rounded to the nearest.
    pub fn stored(self, values: &[f32]) -> Vec<u8> {
        match self {
            Precision::F32 => bytemuck::cast_slice(values).to_vec(),
            Precision::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_ne_bytes()).collect(),
        }
    }

    /// Numbers as a kernel finds them that were stored.
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

//! Counts the correct predictions of each attribute.

use super::{Encoding, padded_channels, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/loss/binary_accuracy.wgsl`.
    struct BinaryAccuracyParams {
        rows: u32,
        attributes: u32,
        channels: u32,
    }
}

/// The kernel of [`BinaryAccuracy`]. One thread counts four attributes over all rows.
pub static BINARY_ACCURACY: Kernel = Kernel {
    name: "binary_accuracy",
    group: "loss",
    source: include_str!("../../shaders/loss/binary_accuracy.wgsl"),
    params: BinaryAccuracyParams::FIELDS,
    bindings: &[read("predictions"), read("labels"), read_write("correct")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// Counts the correct predictions of each attribute: correct\[a\] += Σ over the rows of (round(p) = y). As in Keras, `round`
/// rounds half to even.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryAccuracy {
    /// Number of samples.
    pub rows: u32,
    /// Number of predictions per sample. Rows of tensors are padded to a multiple of four.
    pub attributes: u32,
}

impl BinaryAccuracy {
    /// Returns the step that compares `predictions` and `labels`, both \[rows, padded attributes\], and adds the counts to
    /// `correct` \[padded attributes\], which holds `u32`.
    pub fn step(self, label: &str, predictions: View, labels: View, correct: View) -> Step {
        let channels = padded_channels(self.attributes);
        let elements = u64::from(self.rows) * u64::from(channels);
        Encoding {
            kernel: &BINARY_ACCURACY,
            variant: &BINARY_ACCURACY.variants[0],
            lanes: None,
            overrides: Vec::new(),
            params: BinaryAccuracyParams { rows: self.rows, attributes: self.attributes, channels },
            bindings: &[predictions, labels, correct],
            workgroups: u64::from(channels / 4).div_ceil(64),
            cost: Cost { flops: elements, bytes: 8 * (elements + u64::from(channels)) },
        }
        .step(label)
    }
}

//! How many predictions of each attribute are right.

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

/// A thread counts four attributes over all rows.
pub static BINARY_ACCURACY: Kernel = Kernel {
    name: "binary_accuracy",
    group: "loss",
    source: include_str!("../../shaders/loss/binary_accuracy.wgsl"),
    params: BinaryAccuracyParams::FIELDS,
    bindings: &[read("predictions"), read("labels"), read_write("correct")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[],
};

/// correct\[a\] += Σ over rows of (round(p) = y), rounding half to even, as Keras does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryAccuracy {
    /// Samples.
    pub rows: u32,
    /// Predictions of a sample; their rows are padded to a multiple of four.
    pub attributes: u32,
}

impl BinaryAccuracy {
    /// The dispatch. `correct` holds `u32`, one for each padded attribute, and is added to.
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

//! Cosine proximity, the paper's loss, with its gradient.

use super::{Encoding, padded_channels, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/loss/cosine_proximity.wgsl`.
    struct CosineProximityParams {
        batch: u32,
        attributes: u32,
        channels: u32,
    }
}

/// A workgroup computes one sample.
pub static COSINE_PROXIMITY: Kernel = Kernel {
    name: "cosine_proximity",
    group: "loss",
    source: include_str!("../../shaders/loss/cosine_proximity.wgsl"),
    params: CosineProximityParams::FIELDS,
    bindings: &[read("predictions"), read("labels"), read_write("loss"), read_write("gradient")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[("ANGLE", &[0, 1])],
};

/// What of the cosine is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CosineForm {
    /// Minus the cosine itself, as the paper's code has it.
    Proximity = 0,
    /// The angle, its arccos, as the paper's text has it.
    Angle = 1,
}

/// loss\[s\] = −Σ n(y) n(p), or the arccos of the sum, with n(v) = v / √max(Σ v², 1e-12) (Keras 2.2.4), and the gradient of the mean over the batch by p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosineProximity {
    /// Samples.
    pub batch: u32,
    /// Predictions of a sample; their rows are padded to a multiple of four.
    pub attributes: u32,
    /// The cosine or its angle.
    pub form: CosineForm,
}

impl CosineProximity {
    /// The dispatch: predictions and labels \[batch, padded attributes\] to loss \[batch\] and gradient \[batch, padded attributes\].
    pub fn step(self, label: &str, predictions: View, labels: View, loss: View, gradient: View) -> Step {
        let channels = padded_channels(self.attributes);
        let elements = u64::from(self.batch) * u64::from(channels);
        Encoding {
            kernel: &COSINE_PROXIMITY,
            variant: &COSINE_PROXIMITY.variants[0],
            lanes: None,
            overrides: vec![("ANGLE", f64::from(self.form as u32))],
            params: CosineProximityParams { batch: self.batch, attributes: self.attributes, channels },
            bindings: &[predictions, labels, loss, gradient],
            workgroups: u64::from(self.batch),
            cost: Cost { flops: 12 * elements, bytes: 12 * elements + 4 * u64::from(self.batch) },
        }
        .step(label)
    }
}

//! Cosine proximity, the loss of the paper, and its gradient.

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

/// The kernel of [`CosineProximity`]. One workgroup computes one sample.
pub static COSINE_PROXIMITY: Kernel = Kernel {
    name: "cosine_proximity",
    group: "loss",
    source: include_str!("../../shaders/loss/cosine_proximity.wgsl"),
    params: CosineProximityParams::FIELDS,
    bindings: &[read("predictions"), read("labels"), read_write("loss"), read_write("gradient")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[("ANGLE", &[0, 1])],
};

/// The function of the cosine that is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CosineForm {
    /// The negative cosine, as in the code of the paper.
    Proximity = 0,
    /// The angle, which is the arccos of the cosine, as in the text of the paper.
    Angle = 1,
}

/// Computes the loss of each sample and the gradient of the batch's mean loss with respect to the predictions p.
///
/// loss\[s\] = −Σ n(y) n(p), or arccos Σ n(y) n(p), with n(v) = v / √max(Σ v², 1e-12), as in Keras 2.2.4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosineProximity {
    /// Number of samples.
    pub batch: u32,
    /// Number of predictions per sample. Rows of tensors are padded to a multiple of four.
    pub attributes: u32,
    /// Whether the loss is the negative cosine or the angle.
    pub form: CosineForm,
}

impl CosineProximity {
    /// Returns the step that computes `loss` \[batch\] and `gradient` \[batch, padded attributes\] from `predictions` and
    /// `labels`, both \[batch, padded attributes\].
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

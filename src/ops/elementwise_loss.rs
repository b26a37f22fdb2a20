//! Mean squared error, mean absolute error and binary cross-entropy, with or without weights, and their gradients.

use super::{Encoding, padded_channels, params};
use crate::plan::{Cost, Kernel, Step, Variant, View, read, read_write};

params! {
    /// `Params` of `shaders/loss/elementwise_loss.wgsl`.
    struct ElementwiseLossParams {
        batch: u32,
        attributes: u32,
        channels: u32,
    }
}

/// The kernel of [`ElementwiseLoss`]. One workgroup computes one sample.
pub static ELEMENTWISE_LOSS: Kernel = Kernel {
    name: "elementwise_loss",
    group: "loss",
    source: include_str!("../../shaders/loss/elementwise_loss.wgsl"),
    params: ElementwiseLossParams::FIELDS,
    bindings: &[read("predictions"), read("labels"), read("weights"), read_write("loss"), read_write("gradient")],
    variants: &[Variant { name: "default", constants: &[], subgroup: false }],
    overrides: &[("LOSS", &[0, 1, 2, 3]), ("WEIGHTED", &[0, 1])],
};

/// The function f(p, y) of a prediction and a label. The loss of a sample is the weighted sum of f over its attributes, divided
/// by their number. The discriminants are the values of the shader's override `LOSS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementwiseFormula {
    /// (p − y)².
    MeanSquaredError = 0,
    /// |p − y|, with gradient 0 where p = y.
    MeanAbsoluteError = 1,
    /// −y ln(p + 1e-7) − (1 − y) ln(1 − p + 1e-7), with p clipped to \[1e-7, 1 − 1e-7\], as in tf.keras 2.15 in double precision.
    BinaryCrossEntropyTensorflow2 = 2,
    /// max(z, 0) − z y + ln(1 + e^−|z|) of the logit z = ln(p / (1 − p)), with p clipped to \[1e-7, 1 − 2⁻²³\], as in Keras
    /// 2.2.4. Keras computes in single precision, in which 1 − 1e-7 rounds to 1 − 2⁻²³.
    BinaryCrossEntropyKeras2 = 3,
}

impl ElementwiseFormula {
    /// All formulas, in the order of their discriminants.
    pub const ALL: [ElementwiseFormula; 4] = [
        ElementwiseFormula::MeanSquaredError,
        ElementwiseFormula::MeanAbsoluteError,
        ElementwiseFormula::BinaryCrossEntropyTensorflow2,
        ElementwiseFormula::BinaryCrossEntropyKeras2,
    ];
}

/// Computes loss\[s\] = Σ w f(p, y) / attributes for each sample, and the gradient of the batch's mean loss with respect to the
/// predictions p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ElementwiseLoss {
    /// Number of samples.
    pub batch: u32,
    /// Number of predictions per sample. Rows of tensors are padded to a multiple of four.
    pub attributes: u32,
    /// The function f.
    pub formula: ElementwiseFormula,
}

impl ElementwiseLoss {
    /// Returns the step that computes `loss` \[batch\] and `gradient` \[batch, padded attributes\] from predictions, labels and
    /// weights, each \[batch, padded attributes\]. If `weights` is `None`, all weights are 1.
    pub fn step(self, label: &str, [predictions, labels]: [View; 2], weights: Option<View>, loss: View, gradient: View) -> Step {
        let channels = padded_channels(self.attributes);
        let elements = u64::from(self.batch) * u64::from(channels);
        let flops = if matches!(self.formula, ElementwiseFormula::MeanSquaredError | ElementwiseFormula::MeanAbsoluteError) {
            4
        } else {
            60
        };
        Encoding {
            kernel: &ELEMENTWISE_LOSS,
            variant: &ELEMENTWISE_LOSS.variants[0],
            lanes: None,
            overrides: vec![("LOSS", f64::from(self.formula as u8)), ("WEIGHTED", f64::from(u8::from(weights.is_some())))],
            params: ElementwiseLossParams { batch: self.batch, attributes: self.attributes, channels },
            // A binding cannot be empty, so a loss without weights binds the labels, which the kernel does not read as weights.
            bindings: &[predictions, labels, weights.unwrap_or(labels), loss, gradient],
            workgroups: u64::from(self.batch),
            cost: Cost {
                flops: (flops + 2 * u64::from(weights.is_some())) * elements,
                bytes: (12 + 4 * u64::from(weights.is_some())) * elements + 4 * u64::from(self.batch),
            },
        }
        .step(label)
    }
}

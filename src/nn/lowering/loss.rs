//! What training minimises, and what evaluation reports.

use super::{Activations, Lowering};
use crate::ops::{BinaryAccuracy, CosineForm, CosineProximity, ElementwiseFormula, ElementwiseLoss, LossMean};
use crate::plan::View;

/// The loss of a sample; that of a batch is the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Minus the cosine between labels and predictions: Keras' `cosine_proximity`, the paper's loss.
    Cosine,
    /// The angle between labels and predictions, which the paper's text names; its code minimises the cosine.
    Angle,
    /// The mean of (p − y)².
    MeanSquaredError,
    /// The mean of |p − y|.
    MeanAbsoluteError,
    /// Binary cross-entropy as TensorFlow 2 has it.
    BinaryCrossEntropy,
    /// Binary cross-entropy as Keras 2.2.4 has it.
    BinaryCrossEntropyKeras2,
}

impl Loss {
    /// Returns whether the loss is a mean over attributes, so that each label can have a weight.
    pub fn takes_label_weights(self) -> bool {
        !matches!(self, Loss::Cosine | Loss::Angle)
    }
}

/// What the loss reads and writes.
#[derive(Debug, Clone, Copy)]
pub struct LossTensors {
    /// \[batch, padded attributes\], 0 to 1.
    pub labels: View,
    /// What each label weighs, in the shape of the labels. Only losses that are means over attributes take weights.
    pub label_weights: Option<View>,
    /// Mean losses, f32.
    pub losses: View,
    /// Right predictions of each attribute since they were last cleared, u32, padded.
    pub correct: View,
}

impl Lowering<'_> {
    /// Appends the loss of each sample, the mean of the batch, and the count of right predictions. Returns the gradient of the
    /// mean by the predictions, and the position of the step that stores the mean.
    pub fn loss(&mut self, loss: Loss, attributes: u32, predictions: Activations, tensors: LossTensors) -> (Activations, usize) {
        let LossTensors { labels, label_weights, losses, correct } = tensors;
        let batch = predictions.batch;
        let of_samples = self.plan.transient("loss", 4 * u64::from(batch));
        let gradient = self.rows("gradient of predictions", batch, attributes);
        let (p, gp) = (predictions.view, gradient.view);
        let cosine = |form| CosineProximity { batch, attributes, form }.step("loss", p, labels, of_samples, gp);
        let elementwise =
            |formula| ElementwiseLoss { batch, attributes, formula }.step("loss", [p, labels], label_weights, of_samples, gp);
        let step = match loss {
            Loss::Cosine => cosine(CosineForm::Proximity),
            Loss::Angle => cosine(CosineForm::Angle),
            Loss::MeanSquaredError => elementwise(ElementwiseFormula::MeanSquaredError),
            Loss::MeanAbsoluteError => elementwise(ElementwiseFormula::MeanAbsoluteError),
            Loss::BinaryCrossEntropy => elementwise(ElementwiseFormula::BinaryCrossEntropyTensorflow2),
            Loss::BinaryCrossEntropyKeras2 => elementwise(ElementwiseFormula::BinaryCrossEntropyKeras2),
        };
        self.plan.push(step);
        let mean = self.plan.steps().len();
        self.plan.push(LossMean { count: batch, position: 0 }.step("mean loss", of_samples, losses));
        self.plan.push(BinaryAccuracy { rows: batch, attributes }.step("accuracy", p, labels, correct));
        (gradient, mean)
    }
}

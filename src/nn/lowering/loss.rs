//! Losses, which training minimises and evaluation reports.

use super::{Activations, Lowering};
use crate::ops::{BinaryAccuracy, CosineForm, CosineProximity, ElementwiseFormula, ElementwiseLoss, LossMean};
use crate::plan::View;

/// The loss of a sample. The loss of a batch is the mean over its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The negative cosine between labels and predictions: Keras' `cosine_proximity`, which the paper's code minimises.
    Cosine,
    /// The angle between labels and predictions, as in the text of the paper.
    Angle,
    /// The mean over attributes of (p − y)².
    MeanSquaredError,
    /// The mean over attributes of |p − y|.
    MeanAbsoluteError,
    /// Binary cross-entropy with the formula of TensorFlow 2.
    BinaryCrossEntropy,
    /// Binary cross-entropy with the formula of Keras 2.2.4.
    BinaryCrossEntropyKeras2,
}

impl Loss {
    /// Returns whether the loss is a mean over attributes, so that each label can have a weight.
    pub fn takes_label_weights(self) -> bool {
        !matches!(self, Loss::Cosine | Loss::Angle)
    }
}

/// The tensors that the loss reads and writes.
#[derive(Debug, Clone, Copy)]
pub struct LossTensors {
    /// Labels \[batch, padded attributes\], from 0 to 1.
    pub labels: View,
    /// The weight of each label, in the shape of the labels. Only losses for which [`Loss::takes_label_weights`] is true use
    /// them.
    pub label_weights: Option<View>,
    /// Mean losses of batches, f32.
    pub losses: View,
    /// Number of correct predictions of each attribute since the tensor was last cleared: \[padded attributes\] of u32.
    pub correct: View,
}

impl Lowering<'_> {
    /// Appends the loss of each sample, the mean over the batch, and the count of correct predictions. Returns the gradient of
    /// the mean with respect to the predictions, and the position of the step that stores the mean.
    pub fn loss(&mut self, loss: Loss, attributes: u32, predictions: Activations, tensors: LossTensors) -> (Activations, usize) {
        let LossTensors { labels, label_weights, losses, correct } = tensors;
        assert!(
            label_weights.is_none() || loss.takes_label_weights(),
            "{loss:?} is not a mean over attributes, so it takes no label weights"
        );
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

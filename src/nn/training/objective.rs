//! What training minimises.

use crate::ops::{CosineForm, ElementwiseFormula};

/// The loss of a sample; that of a batch is the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Minus the cosine between labels and predictions, Keras' `cosine_proximity`: the paper's.
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

/// The kernel of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// One number of all attributes of a sample.
    Cosine(CosineForm),
    /// A mean over attributes.
    Elementwise(ElementwiseFormula),
}

impl Loss {
    /// Which kernel computes it.
    pub fn objective(self) -> Objective {
        match self {
            Loss::Cosine => Objective::Cosine(CosineForm::Proximity),
            Loss::Angle => Objective::Cosine(CosineForm::Angle),
            Loss::MeanSquaredError => Objective::Elementwise(ElementwiseFormula::MeanSquaredError),
            Loss::MeanAbsoluteError => Objective::Elementwise(ElementwiseFormula::MeanAbsoluteError),
            Loss::BinaryCrossEntropy => Objective::Elementwise(ElementwiseFormula::BinaryCrossEntropyTensorflow2),
            Loss::BinaryCrossEntropyKeras2 => Objective::Elementwise(ElementwiseFormula::BinaryCrossEntropyKeras2),
        }
    }
}

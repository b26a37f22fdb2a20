//! What training minimises.

use crate::kernels::ElementwiseFormula;

/// The loss of a sample; that of a batch is the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Minus the cosine between labels and predictions, Keras' `cosine_proximity`: the paper's.
    Cosine,
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
    /// The formula of a loss that is a mean over attributes; the cosine is none.
    pub fn formula(self) -> Option<ElementwiseFormula> {
        match self {
            Loss::Cosine => None,
            Loss::MeanSquaredError => Some(ElementwiseFormula::MeanSquaredError),
            Loss::MeanAbsoluteError => Some(ElementwiseFormula::MeanAbsoluteError),
            Loss::BinaryCrossEntropy => Some(ElementwiseFormula::BinaryCrossEntropyTensorflow2),
            Loss::BinaryCrossEntropyKeras2 => Some(ElementwiseFormula::BinaryCrossEntropyKeras2),
        }
    }
}

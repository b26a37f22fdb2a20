//! The buffers that all training plans of a network share.

use super::parameters::ParameterTable;
use super::shape::NetworkShape;
use crate::nn::lowering::TrainingBuffers;
use crate::ops::padded_channels;
use crate::plan::{Plan, View};

/// The buffers that all training plans of a network share. Every plan declares them first and in this order, so their views are
/// the same in all plans.
#[derive(Debug, Clone)]
pub struct NetworkBuffers {
    /// All weights, as [`ParameterTable`] lays them out.
    pub weights: View,
    /// Running statistics of batch norm.
    pub running: View,
    /// Statistics of the last batch, in the same layout.
    pub of_batch: View,
    /// Gradients of the trained part of the weights.
    pub gradients: View,
    /// Weights of layers that run with batch norm folded.
    pub folded: View,
    /// Zeros, which serve as the bias of products without one.
    pub zeros: View,
    /// Mean losses of batches, f32.
    pub losses: View,
    /// Number of correct predictions of each attribute since the tensor was last cleared: \[padded attributes\] of u32.
    pub correct: View,
}

impl NetworkBuffers {
    /// Declares the buffers. `folded` is the number of folded weights, `losses` the number of mean losses to hold.
    pub(super) fn new(
        plan: &mut Plan,
        shape: &NetworkShape,
        table: &ParameterTable,
        folded: usize,
        losses: usize,
    ) -> NetworkBuffers {
        let mut values = |label: &str, count: usize| plan.persistent(label, 4 * count.max(64) as u64);
        NetworkBuffers {
            weights: values("weights", table.weights),
            running: values("running statistics", table.statistics),
            of_batch: values("batch statistics", table.statistics),
            gradients: values("gradients", table.trained),
            folded: values("folded weights", folded),
            zeros: values("zeros", shape.network.widest() as usize),
            losses: values("losses", losses),
            correct: values("correct", padded_channels(shape.network.outputs()) as usize),
        }
    }

    /// Returns the buffers that lowering a training step needs.
    pub(super) fn of_training(&self) -> TrainingBuffers {
        let NetworkBuffers { weights, running, of_batch, gradients, zeros, .. } = *self;
        TrainingBuffers { weights, running, of_batch, gradients, zeros }
    }

    /// Returns the views of all buffers, to share them between programs.
    pub fn views(&self) -> [View; 8] {
        let NetworkBuffers { weights, running, of_batch, gradients, folded, zeros, losses, correct } = *self;
        [weights, running, of_batch, gradients, folded, zeros, losses, correct]
    }
}

//! The plan of evaluation: inference of the whole network with batch norm folded, and the loss.

use super::shape::NetworkShape;
use super::state::NetworkState;
use crate::nn::dense::DeclaredDense;
use crate::nn::lowering::{Loss, LossTensors, Lowering, RunLayer};
use crate::nn::{Dense, ModelError, Upload};
use crate::ops::padded_channels;
use crate::plan::{Plan, View};
use crate::profiles::DeviceProfile;

/// A plan that predicts a batch, computes its loss and counts correct predictions.
#[derive(Debug, Clone)]
pub struct EvaluationPlan {
    /// The steps.
    pub plan: Plan,
    /// Number of samples.
    pub batch: u32,
    /// The input: normalised images \[batch, size, size, 4\], or features \[batch, padded features\].
    pub input: View,
    /// Labels \[batch, padded attributes\], from 0 to 1.
    pub labels: View,
    /// Predictions \[batch, padded attributes\]. The padding has no meaning.
    pub predictions: View,
    /// Mean losses of batches, f32.
    pub losses: View,
    /// Number of correct predictions of each attribute since the tensor was last cleared: \[padded attributes\] of u32.
    pub correct: View,
    /// The folded weights to upload before the first run. Their views are the same for every state of a network.
    pub uploads: Vec<Upload>,
    /// Position of the step that stores the mean loss.
    pub(crate) mean: usize,
}

impl EvaluationPlan {
    /// Plans the evaluation of `batch` samples with the weights of `state`. `losses` is the number of mean losses that the buffer
    /// of losses can hold.
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchTensor`] if the state belongs to another network.
    pub fn new(
        shape: &NetworkShape,
        state: &NetworkState,
        loss: Loss,
        profile: &DeviceProfile,
        batch: u32,
        losses: usize,
    ) -> Result<EvaluationPlan, ModelError> {
        let mut plan = Plan::new("evaluation");
        let (each, attributes) = (u64::from(batch), shape.network.outputs());
        let row = 4 * u64::from(padded_channels(attributes));
        let input = plan.persistent("input", each * shape.input_bytes());
        let labels = plan.persistent("labels", each * row);
        let losses = plan.persistent("losses", 4 * losses.max(64) as u64);
        let correct = plan.persistent("correct", row);
        let predictions = plan.persistent("predictions", each * row);

        let backbone = state.backbone(shape, shape.convolutions())?;
        let (mut run, mut uploads) = (Vec::new(), Vec::new());
        if shape.network.reads_images() {
            let weights = backbone.plan_weights(&mut plan, profile.precision);
            run = backbone.run_layers(weights, profile.precision);
            run.push(RunLayer::Pool);
            uploads.push((weights, backbone.stored_parameters(profile.precision)));
        }
        let dense = state.dense_layers(shape);
        let labelled: Vec<(&str, &Dense)> = shape.network.dense_layers().map(|layer| layer.label.as_str()).zip(&dense).collect();
        let declared = DeclaredDense::new(&labelled, &mut plan);
        run.extend(declared.run_layers());

        let mut lowering = Lowering::new(&mut plan, profile, shape.network.padding);
        let x = shape.input(input, batch);
        let run = lowering.fuse(run, x);
        let result = lowering.forward(&run, x, Some(predictions), &mut |_, _, _| ());
        let tensors = LossTensors { labels, label_weights: None, losses, correct };
        let (_, mean) = lowering.loss(loss, attributes, result, tensors);
        uploads.extend(declared.uploads.iter().cloned());
        Ok(EvaluationPlan { plan, batch, input, labels, predictions, losses, correct, uploads, mean })
    }

    /// Returns the views that evaluation plans for all batch sizes share.
    pub fn shared(&self) -> impl Iterator<Item = View> + '_ {
        [self.losses, self.correct].into_iter().chain(self.uploads.iter().map(|(view, _)| *view))
    }
}

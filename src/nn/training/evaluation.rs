//! The plan of evaluation: the whole network with batch norm folded, and the loss.

use super::objective::{Loss, Objective};
use super::shape::NetworkShape;
use super::state::NetworkState;
use crate::nn::{ModelError, Upload};
use crate::ops::{BinaryAccuracy, CosineProximity, ElementwiseLoss, LossMean, padded_channels};
use crate::plan::{Plan, View};
use crate::profiles::DeviceProfile;

/// Inference of a batch, with its loss and its right predictions.
#[derive(Debug, Clone)]
pub struct EvaluationPlan {
    /// The steps.
    pub plan: Plan,
    /// Samples.
    pub batch: u32,
    /// Images \[batch, size, size, 4\] as the network reads them, or features \[batch, padded features\].
    pub input: View,
    /// \[batch, padded attributes\], 0 to 1.
    pub labels: View,
    /// \[batch, padded attributes\]; the padding holds no predictions.
    pub predictions: View,
    /// The mean losses, f32.
    pub losses: View,
    /// Right predictions of each attribute since they were last cleared, u32, padded.
    pub correct: View,
    /// What to write before the first run. The views are the same for every state of a network.
    pub uploads: Vec<Upload>,
    pub(crate) mean: usize,
}

impl EvaluationPlan {
    /// The network as `state` has it; `losses` is how many mean losses are kept.
    ///
    /// # Errors
    /// None in practice: every tensor is there.
    pub fn new(
        shape: &NetworkShape,
        state: &NetworkState,
        loss: Loss,
        profile: &DeviceProfile,
        batch: u32,
        losses: usize,
    ) -> Result<EvaluationPlan, ModelError> {
        let mut plan = Plan::new("evaluation");
        let (each, attributes) = (u64::from(batch), shape.head.attributes);
        let row = 4 * u64::from(padded_channels(attributes));
        let input = plan.persistent("input", each * shape.input_bytes());
        let labels = plan.persistent("labels", each * row);
        let losses = plan.persistent("losses", 4 * losses.max(64) as u64);
        let correct = plan.persistent("correct", row);
        let (mut x, mut uploads) = (input, Vec::new());
        if !shape.layers.is_empty() {
            let backbone = state.backbone(shape, shape.layers.len())?;
            let weights = backbone.plan_weights(&mut plan, profile.precision);
            x = backbone.plan_features(&mut plan, profile, [batch, shape.size], weights, input);
            uploads.push((weights, backbone.stored_parameters(profile.precision)));
        }
        for dense in state.dense_layers(shape) {
            let (y, more) = dense.plan(&mut plan, profile, "dense", batch, x);
            uploads.extend(more);
            x = y;
        }
        let predictions = x;
        let of_samples = plan.transient("loss", 4 * each);
        let gradient = plan.transient("gradient of predictions", each * row);
        plan.push(match loss.objective() {
            Objective::Cosine(form) => {
                CosineProximity { batch, attributes, form }.step("loss", predictions, labels, of_samples, gradient)
            }
            Objective::Elementwise(formula) => {
                ElementwiseLoss { batch, attributes, formula }.step("loss", [predictions, labels], None, of_samples, gradient)
            }
        });
        let mean = plan.steps().len();
        plan.push(LossMean { count: batch, position: 0 }.step("mean loss", of_samples, losses));
        plan.push(BinaryAccuracy { rows: batch, attributes }.step("accuracy", predictions, labels, correct));
        Ok(EvaluationPlan { plan, batch, input, labels, predictions, losses, correct, uploads, mean })
    }

    /// What evaluations of other batch sizes share with this one.
    pub fn shared(&self) -> impl Iterator<Item = View> + '_ {
        [self.losses, self.correct].into_iter().chain(self.uploads.iter().map(|(view, _)| *view))
    }
}

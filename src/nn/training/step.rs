//! The plans of training: the forward and backward pass over a part of a batch, and the update.

use super::builder::{Builder, NetworkBuffers};
use super::head::Ends;
use super::objective::Loss;
use super::parameters::ParameterTable;
use super::shape::{NetworkShape, RunningStatistics, UpdatePart};
use crate::nn::mobilenet_v2::Backbone;
use crate::nn::random;
use crate::ops::{Accumulate, AnyOptimizer, BatchNormCombine, DropoutMask, Update, padded_channels};
use crate::plan::{Plan, View};
use crate::profiles::DeviceProfile;

/// What a step is made for.
#[derive(Debug, Clone, Copy)]
pub struct StepShape<'a> {
    /// The network.
    pub network: &'a NetworkShape,
    /// Where its parameters lie.
    pub table: &'a ParameterTable,
    /// The layers that run with batch norm folded; none where features are the input.
    pub frozen: &'a Backbone,
    /// What is minimised.
    pub loss: Loss,
    /// How many mean losses are kept.
    pub losses: usize,
    /// The seed of dropout's masks; `None` where masks are given.
    pub seed: Option<u64>,
    /// Whether gradients of several parts are added up before an update.
    pub accumulates: bool,
    /// Whether labels have weights, which the cosine loss does not take.
    pub weighted: bool,
}

/// The forward and backward pass over a part of a batch.
#[derive(Debug, Clone)]
pub struct StepPlan {
    /// The steps.
    pub plan: Plan,
    /// Samples.
    pub batch: u32,
    /// What all plans share.
    pub buffers: NetworkBuffers,
    /// Images \[batch, size, size, 4\] as the network reads them, or features \[batch, padded features\].
    pub input: View,
    /// \[batch, padded attributes\], 0 to 1; the padding does not matter.
    pub labels: View,
    /// What each label weighs in the loss, \[batch, padded attributes\], where labels have weights.
    pub label_weights: Option<View>,
    /// \[batch, padded attributes\]; the padding holds no predictions.
    pub predictions: View,
    /// \[batch, padded hidden\], u32: which hidden values dropout keeps.
    pub mask: View,
    /// The step that draws the mask, with its parameters for the first batch.
    pub(crate) draw: Option<(usize, DropoutMask)>,
    /// The step that stores the mean loss.
    pub(crate) mean: usize,
    /// The step that adds to [`StepPlan::total`].
    pub(crate) accumulate: Option<(usize, Accumulate)>,
    /// The gradients of all parts of a batch.
    pub total: View,
    running_statistics: RunningStatistics,
    moving: Vec<(usize, BatchNormCombine)>,
}

impl StepPlan {
    /// The pass over `batch` samples.
    pub fn new(step: &StepShape, profile: &DeviceProfile, batch: u32) -> StepPlan {
        let StepShape { network, table, frozen, loss, losses, seed, accumulates, weighted } = *step;
        let folded = frozen.parameters().len();
        let mut builder = Builder::new("training", network, table, profile, batch, [folded, losses]);
        let each = u64::from(batch);
        let total_bytes = if accumulates { 4 * table.trained as u64 } else { 256 };
        let total = builder.plan.persistent("gradients of all parts", total_bytes);
        let attributes = u64::from(padded_channels(network.head.attributes));
        let hidden = u64::from(padded_channels(network.head.hidden.unwrap_or(0))).max(64);
        let input = builder.plan.persistent("input", each * network.input_bytes());
        let labels = builder.plan.persistent("labels", 4 * each * attributes);
        let label_weights = weighted.then(|| builder.plan.persistent("label weights", 4 * each * attributes));
        let predictions = builder.plan.persistent("predictions", 4 * each * attributes);
        let mask = builder.plan.persistent("dropout mask", 4 * each * hidden);

        let features = if network.layers.is_empty() { input } else { builder.backbone_forward(frozen, input) };
        let draw = match (seed, network.head.hidden) {
            (Some(seed), Some(hidden)) => {
                let seed = random::bits(seed, random::Stream::Dropout, 0) as u32;
                let (channels, rate) = (padded_channels(hidden), network.head.dropout);
                let draw = DropoutMask { rows: batch, channels, rate, seed, epoch: 0, first_sample: 0 };
                builder.plan.push(draw.step("dropout mask", mask));
                Some((builder.plan.steps().len() - 1, draw))
            }
            _ => None,
        };
        let head = builder.head_forward(features, mask, predictions);
        let (by_predictions, mean) = builder.loss(loss, Ends { labels, label_weights, predictions });
        if let Some(by_features) = builder.head_backward(by_predictions, predictions, features, head) {
            builder.backbone_backward(by_features);
        }
        let accumulate = accumulates.then(|| {
            let part = Accumulate { count: table.trained as u32, kept: 0.0, weight: 1.0 };
            builder.plan.push(part.step("accumulate", builder.buffers.gradients, total));
            (builder.plan.steps().len() - 1, part)
        });
        let Builder { plan, buffers, moving, .. } = builder;
        let running_statistics = network.running_statistics;
        StepPlan {
            plan,
            batch,
            buffers,
            input,
            labels,
            label_weights,
            predictions,
            mask,
            draw,
            mean,
            accumulate,
            total,
            running_statistics,
            moving,
        }
    }

    /// The steps whose `Params` differ from update to update since they move running statistics, with their bytes for this
    /// part of one.
    pub(crate) fn moving(&self, part: UpdatePart) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
        let of_part = move |(step, combine): &(usize, BatchNormCombine)| {
            let momentum = self.running_statistics.momentum_of(combine.momentum, part)?;
            Some((*step, BatchNormCombine { momentum, ..*combine }.params()))
        };
        self.moving.iter().filter_map(of_part)
    }

    /// The forward pass alone, to the loss.
    pub fn forward(&self) -> Plan {
        // The count of right predictions follows the mean loss.
        self.plan.truncated(self.mean + 2)
    }

    /// What other plans of the same network share with this one.
    pub fn shared(&self) -> impl Iterator<Item = View> {
        self.buffers.views().into_iter().chain([self.total])
    }
}

/// The update of all trained weights.
#[derive(Debug, Clone)]
pub struct UpdatePlan {
    /// One dispatch for the kernels, one for all other parameters.
    pub plan: Plan,
    /// All weights.
    pub weights: View,
    /// The gradients of the trained part.
    pub gradients: View,
    /// The optimizer's states.
    pub states: Vec<View>,
    optimizer: AnyOptimizer,
    parts: [(u32, bool); 2],
}

impl UpdatePlan {
    /// Plans the update by an optimizer.
    pub fn new(table: &ParameterTable, optimizer: &AnyOptimizer) -> UpdatePlan {
        let mut plan = Plan::new("update");
        let bytes = |count: usize| 4 * count.max(64) as u64;
        let weights = plan.persistent("weights", bytes(table.weights));
        let gradients = plan.persistent("gradients", bytes(table.trained));
        let state = |which| plan.persistent(&format!("optimizer state {which}"), bytes(table.trained));
        let states: Vec<View> = (0..optimizer.states()).map(state).collect();
        let parts = [(table.decayed as u32, true), ((table.trained - table.decayed) as u32, false)];
        let mut update = UpdatePlan { plan, weights, gradients, states, optimizer: optimizer.clone(), parts };
        let mut first = 0;
        for (count, decays) in parts {
            let of = |view: View| View { offset: view.offset + 4 * first, bytes: 4 * u64::from(count), ..view };
            let at = Update { count, decays, learning_rate: 0.0, number: 1 };
            let states: Vec<View> = update.states.iter().copied().map(of).collect();
            let step = optimizer.step("update", at, of(gradients), of(weights), &states);
            update.plan.push(step);
            first += u64::from(count);
        }
        update
    }

    /// The bytes of `Params` of both dispatches for update `number`, from 1.
    pub fn params(&self, learning_rate: f64, number: u32) -> [Vec<u8>; 2] {
        self.parts.map(|(count, decays)| {
            let at = Update { count, decays, learning_rate, number };
            self.optimizer.step("", at, self.gradients, self.weights, &self.states).params
        })
    }
}

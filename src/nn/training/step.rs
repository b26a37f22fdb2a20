//! The plans of training: the forward and backward pass over a part of a batch, and the update.

use super::buffers::NetworkBuffers;
use super::parameters::ParameterTable;
use super::shape::{NetworkShape, RunningStatistics, UpdatePart};
use crate::nn::lowering::{Loss, LossTensors, Lowering, RunLayer, TrainingNorm};
use crate::nn::network::Layer;
use crate::nn::{Backbone, random};
use crate::ops::{Accumulate, AnyOptimizer, BatchNormCombine, DropoutMask, Update, padded_channels};
use crate::plan::{Plan, View, WeightLayout};
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
    /// Plans the pass over `batch` samples.
    pub fn new(step: &StepShape, profile: &DeviceProfile, batch: u32) -> StepPlan {
        let StepShape { network: shape, table, frozen, loss, losses, seed, accumulates, weighted } = *step;
        let mut plan = Plan::new("training");
        let buffers = NetworkBuffers::new(&mut plan, shape, table, frozen.parameters().len(), losses);
        let (each, head) = (u64::from(batch), shape.head());
        let total = plan.persistent("gradients of all parts", if accumulates { 4 * table.trained as u64 } else { 256 });
        let attributes = u64::from(padded_channels(head.attributes));
        let hidden = u64::from(padded_channels(head.hidden.unwrap_or(0))).max(64);
        let input = plan.persistent("input", each * shape.input_bytes());
        let labels = plan.persistent("labels", 4 * each * attributes);
        let label_weights = weighted.then(|| plan.persistent("label weights", 4 * each * attributes));
        let predictions = plan.persistent("predictions", 4 * each * attributes);
        let mask = plan.persistent("dropout mask", 4 * each * hidden);

        let seed = seed.map(|seed| random::bits(seed, random::Stream::Dropout, 0) as u32);
        let run = training_layers(shape, table, frozen, &buffers, (mask, seed));
        let norm = TrainingNorm { momentum: shape.momentum, running_statistics: shape.running_statistics };
        let mut lowering = Lowering::new(&mut plan, profile, shape.network.padding).for_training(
            shape.network.epsilon,
            buffers.of_training(),
            norm,
        );
        let x = shape.input(input, batch);
        let run = lowering.fuse(run, x);
        let result = lowering.forward(&run, x, Some(predictions), &mut |_, _, _| ());
        let tensors = LossTensors { labels, label_weights, losses: buffers.losses, correct: buffers.correct };
        let (by_predictions, mean) = lowering.loss(loss, head.attributes, result, tensors);
        lowering.backward(&run, by_predictions);
        let (moving, draw) = (std::mem::take(&mut lowering.moving), lowering.draw);
        let accumulate = accumulates.then(|| {
            let part = Accumulate { count: table.trained as u32, kept: 0.0, weight: 1.0 };
            plan.push(part.step("accumulate", buffers.gradients, total));
            (plan.steps().len() - 1, part)
        });
        let running_statistics = shape.running_statistics;
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

/// Returns the layers of a network as training runs them: frozen convolutions with batch norm folded, everything else on the
/// weights that are trained. A mask is drawn where there is a seed.
fn training_layers<'a>(
    shape: &'a NetworkShape,
    table: &'a ParameterTable,
    frozen: &'a Backbone,
    buffers: &NetworkBuffers,
    (mask, seed): (View, Option<u32>),
) -> Vec<RunLayer<'a>> {
    let mut run = frozen.run_layers(buffers.folded, crate::plan::Precision::F32);
    let folded = run.len();
    for (at, (layer, slots)) in shape.network.layers.iter().zip(&table.layers).enumerate().skip(folded) {
        run.push(match layer {
            Layer::Convolution(layer) => RunLayer::Normalised { layer, slots, trained: at >= shape.first_trained },
            Layer::GlobalAveragePool => RunLayer::Pool,
            Layer::Dense(layer) => {
                let parameters = [slots.kernel(), slots.bias()].map(|slot| slot.view(buffers.weights));
                RunLayer::Dense { layer, parameters, layout: WeightLayout::Rows, slots: Some(slots) }
            }
            Layer::BatchNorm(layer) => RunLayer::BatchNorm { layer, slots },
            Layer::Dropout { rate } => RunLayer::Dropout { rate: *rate, mask, seed },
        });
    }
    run
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

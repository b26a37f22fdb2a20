//! The plans of training: the forward and backward pass over a part of a batch, and the update of the weights.

use super::buffers::NetworkBuffers;
use super::parameters::ParameterTable;
use super::shape::{NetworkShape, RunningStatistics, UpdatePart};
use crate::nn::lowering::{Loss, LossTensors, Lowering, RunLayer, TrainingNorm};
use crate::nn::network::Layer;
use crate::nn::{Backbone, random};
use crate::ops::{Accumulate, AnyOptimizer, BatchNormCombine, DropoutMask, Update, padded_channels};
use crate::plan::{Plan, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// The parameters of a [`StepPlan`].
#[derive(Debug, Clone, Copy)]
pub struct StepShape<'a> {
    /// The network.
    pub network: &'a NetworkShape,
    /// The layout of the network's parameters.
    pub table: &'a ParameterTable,
    /// The frozen layers, which run with batch norm folded. It has no layers if the input is features.
    pub frozen: &'a Backbone,
    /// The loss that is minimised.
    pub loss: Loss,
    /// Number of mean losses that the buffer of losses can hold.
    pub losses: usize,
    /// The seed of dropout masks. Without a seed, the caller writes the masks.
    pub seed: Option<u64>,
    /// Whether the gradients of several parts of a batch are added before an update.
    pub accumulates: bool,
    /// Whether each label has a weight in the loss. See [`Loss::takes_label_weights`].
    pub weighted: bool,
}

/// The forward and backward pass over a part of a batch.
#[derive(Debug, Clone)]
pub struct StepPlan {
    /// The steps.
    pub plan: Plan,
    /// Number of samples.
    pub batch: u32,
    /// The buffers that all plans of the network share.
    pub buffers: NetworkBuffers,
    /// The input: normalised images \[batch, size, size, 4\], or features \[batch, padded features\].
    pub input: View,
    /// Labels \[batch, padded attributes\], from 0 to 1. The padding is ignored.
    pub labels: View,
    /// The weight of each label in the loss, \[batch, padded attributes\], if labels have weights.
    pub label_weights: Option<View>,
    /// Predictions \[batch, padded attributes\]. The padding has no meaning.
    pub predictions: View,
    /// The dropout mask \[batch, padded hidden\] of u32: not 0 for hidden values that dropout keeps.
    pub mask: View,
    /// Position of the step that draws the dropout mask, and its parameters for the first batch.
    pub(crate) draw: Option<(usize, DropoutMask)>,
    /// Position of the step that stores the mean loss.
    pub(crate) mean: usize,
    /// Position and parameters of the step that adds the gradients to [`StepPlan::total`].
    pub(crate) accumulate: Option<(usize, Accumulate)>,
    /// The sum of the gradients of all parts of a batch.
    pub total: View,
    running_statistics: RunningStatistics,
    /// Position and parameters of the steps that update running statistics.
    moving: Vec<(usize, BatchNormCombine)>,
}

impl StepPlan {
    /// Plans the forward and backward pass over `batch` samples.
    ///
    /// # Panics
    /// Panics if the network has more than one dropout layer, because a plan has one dropout mask.
    pub fn new(step: &StepShape, profile: &DeviceProfile, batch: u32) -> StepPlan {
        let StepShape { network: shape, table, frozen, loss, losses, seed, accumulates, weighted } = *step;
        let dropouts = shape.network.layers.iter().filter(|layer| matches!(layer, Layer::Dropout { .. })).count();
        assert!(dropouts <= 1, "the network has {dropouts} dropout layers, but training supports one");
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

    /// Returns the positions of the steps whose `Params` depend on the number of the update, each with its bytes for this part of
    /// an update. These are the updates of running statistics under [`RunningStatistics::Keras2`]; otherwise there are none.
    pub(crate) fn moving(&self, part: UpdatePart) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
        let of_part = move |(step, combine): &(usize, BatchNormCombine)| {
            let momentum = self.running_statistics.momentum_of(combine.momentum, part)?;
            Some((*step, BatchNormCombine { momentum, ..*combine }.params()))
        };
        self.moving.iter().filter_map(of_part)
    }

    /// Returns a plan of the forward pass and the loss only.
    pub fn forward(&self) -> Plan {
        // The step after the mean loss counts correct predictions.
        self.plan.truncated(self.mean + 2)
    }

    /// Returns the views that all plans of the same network share.
    pub fn shared(&self) -> impl Iterator<Item = View> {
        self.buffers.views().into_iter().chain([self.total])
    }
}

/// Returns the layers of a network as training runs them: the frozen convolutions with batch norm folded, and all other layers
/// with parameters from the buffer of weights. `seed` is the seed of dropout masks, if the plan draws them.
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

/// The plan that updates all trained weights.
#[derive(Debug, Clone)]
pub struct UpdatePlan {
    /// The steps: one for the kernels and one for all other trained parameters.
    pub plan: Plan,
    /// All weights, frozen ones included.
    pub weights: View,
    /// The gradients of the trained weights.
    pub gradients: View,
    /// The optimizer's states, each laid out as the gradients.
    pub states: Vec<View>,
    optimizer: AnyOptimizer,
    /// The number of parameters that each step updates, and whether weight decay applies to them.
    parts: [(u32, bool); 2],
}

impl UpdatePlan {
    /// Plans the update of the weights of `table` by `optimizer`.
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

    /// Returns the bytes of `Params` of both steps for update `number`, counted from 1.
    pub fn params(&self, learning_rate: f64, number: u32) -> [Vec<u8>; 2] {
        self.parts.map(|(count, decays)| {
            let at = Update { count, decays, learning_rate, number };
            self.optimizer.step("", at, self.gradients, self.weights, &self.states).params
        })
    }
}

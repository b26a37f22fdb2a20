//! The plans of head training: one step of it, and evaluation, for a batch of a given size.

use crate::kernels::{
    Activation, ActivationBackward, Adadelta, BatchNorm, BatchNormCombine, BatchNormDw, BatchNormDx, BatchNormStatistics,
    BinaryAccuracy, ColumnSum, CosineProximity, DenseDw, Dropout, DropoutMask, LossMean, Pointwise, RowParts, Target, Transpose,
    padded_channels,
};
use crate::model::{HEAD_EPSILON, Head};
use crate::scheduler::{Plan, View};

/// Sizes of a head, without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadShape {
    /// Values that it reads of an image.
    pub features: u32,
    /// Width of the hidden layer.
    pub hidden: u32,
    /// Number of outputs.
    pub attributes: u32,
}

impl HeadShape {
    /// Features, hidden channels and attributes padded to multiples of four.
    pub fn padded(self) -> [u32; 3] {
        [self.features, self.hidden, self.attributes].map(padded_channels)
    }

    /// Rows and columns of the tensors of [`Head::TENSORS`], without padding and with it; a vector is one row.
    pub(super) fn matrices(self) -> [[[u32; 2]; 2]; 8] {
        let HeadShape { features, hidden, attributes } = self;
        let vector = |columns| [[1, columns], [1, padded_channels(columns)]];
        let kernel = |rows, columns| [[rows, columns], [padded_channels(rows), padded_channels(columns)]];
        let channels = vector(hidden);
        let (first, second) = (kernel(features, hidden), kernel(hidden, attributes));
        [first, channels, channels, channels, channels, channels, second, vector(attributes)]
    }
}

/// How a head is trained; the defaults are the paper's, with those of Keras 2.2.4 where the paper says nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadTraining {
    /// Width of the hidden layer.
    pub hidden: u32,
    /// Samples a step.
    pub batch: u32,
    /// Passes over the training samples.
    pub epochs: u32,
    /// What every random number is keyed by.
    pub seed: u64,
    /// The share of hidden values that is dropped, in \[0, 1).
    pub dropout: f32,
    /// AdaDelta's learning rate.
    pub learning_rate: f32,
    /// AdaDelta's decay.
    pub rho: f32,
    /// AdaDelta's epsilon.
    pub epsilon: f32,
    /// What batch norm's running statistics keep in a step.
    pub momentum: f32,
}

impl Default for HeadTraining {
    fn default() -> HeadTraining {
        HeadTraining {
            hidden: 1536,
            batch: 64,
            epochs: 12,
            seed: 0,
            dropout: 0.3,
            learning_rate: 1.0,
            rho: 0.95,
            epsilon: 1e-7,
            momentum: 0.99,
        }
    }
}

/// Places in [`Head::TENSORS`] of what the optimizer changes; the others are batch norm's running statistics.
pub(super) const TRAINED: [usize; 6] = [0, 1, 2, 3, 6, 7];

/// The tensors that outlive a step. Every plan makes them first and in this order, so their views are the same in all.
#[derive(Debug, Clone)]
pub struct HeadTensors {
    /// The head's tensors in the order of [`Head::TENSORS`], padded.
    pub weights: [View; 8],
    /// AdaDelta's accumulated squared gradient and update of each trained tensor: `head.dense1.kernel`, its bias, gamma,
    /// beta, `head.dense2.kernel`, its bias.
    pub accumulated: [[View; 2]; 6],
    /// The mean loss of each step, f32.
    pub losses: View,
    /// Right predictions of each attribute since it was last cleared, u32, padded.
    pub correct: View,
    /// Zeros: the bias of a product that has none.
    zeros: View,
}

impl HeadTensors {
    fn new(plan: &mut Plan, shape: HeadShape, steps: usize) -> HeadTensors {
        let [_, hidden, attributes] = shape.padded();
        let bytes = shape.matrices().map(|[_, [rows, columns]]| 4 * u64::from(rows) * u64::from(columns));
        let weights = std::array::from_fn(|tensor| plan.persistent(Head::TENSORS[tensor], bytes[tensor]));
        let accumulated = TRAINED.map(|tensor| {
            ["gradient", "update"]
                .map(|what| plan.persistent(&format!("{} accumulated {what}", Head::TENSORS[tensor]), bytes[tensor]))
        });
        HeadTensors {
            weights,
            accumulated,
            losses: plan.persistent("losses", 4 * steps.max(1) as u64),
            correct: plan.persistent("correct", 4 * u64::from(attributes)),
            zeros: plan.persistent("zeros", 4 * u64::from(hidden)),
        }
    }

    /// All views, to share their buffers between programs.
    pub fn views(&self) -> impl Iterator<Item = View> + '_ {
        let state = self.weights.iter().chain(self.accumulated.iter().flatten());
        state.chain([&self.losses, &self.correct, &self.zeros]).copied()
    }
}

/// Where dropout's masks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Masks {
    /// Drawn by counter for each step.
    Drawn,
    /// Written to [`HeadPlan::mask`] before each step.
    Given,
}

/// A plan for batches of one size, and where its data goes.
#[derive(Debug, Clone)]
pub struct HeadPlan {
    /// The steps.
    pub plan: Plan,
    /// Samples.
    pub batch: u32,
    /// What all plans of a run share.
    pub tensors: HeadTensors,
    /// Input \[batch, padded features\].
    pub features: View,
    /// Input \[batch, padded attributes\], 0 or 1; the padding does not matter.
    pub labels: View,
    /// Output \[batch, padded attributes\]; the padding holds no predictions.
    pub predictions: View,
    /// \[batch, padded hidden\], u32: which hidden values dropout keeps. `None` in evaluation.
    pub mask: Option<View>,
    /// The step that draws the mask, with its parameters for the first batch.
    pub(super) draw: Option<(usize, DropoutMask)>,
    /// The step that stores the loss.
    pub(super) mean: usize,
}

impl HeadPlan {
    /// One step of training: forward, backward and update. `steps` is the length of the list of losses.
    pub fn training(
        shape: HeadShape,
        settings: &HeadTraining,
        target: Target,
        batch: u32,
        steps: usize,
        masks: Masks,
    ) -> HeadPlan {
        let mut step = Builder::new("head training", shape, target, batch, steps);
        step.training(settings, masks);
        step.head
    }

    /// Predictions, loss and accuracy in inference mode.
    pub fn evaluation(shape: HeadShape, target: Target, batch: u32, steps: usize) -> HeadPlan {
        let mut evaluation = Builder::new("head evaluation", shape, target, batch, steps);
        let [_, _, _, _, mean, variance, ..] = evaluation.head.tensors.weights;
        let hidden = evaluation.hidden_layer();
        let normalised = evaluation.normalise(hidden, [mean, variance]);
        evaluation.output_layer(normalised);
        evaluation.losses();
        evaluation.head
    }
}

struct Builder {
    head: HeadPlan,
    shape: HeadShape,
    target: Target,
    batch: u32,
}

impl Builder {
    fn new(label: &str, shape: HeadShape, target: Target, batch: u32, steps: usize) -> Builder {
        let mut plan = Plan::new(label);
        let tensors = HeadTensors::new(&mut plan, shape, steps);
        let [features, _, attributes] = shape.padded();
        let row = |channels: u32| 4 * u64::from(batch) * u64::from(channels);
        let head = HeadPlan {
            batch,
            tensors,
            features: plan.persistent("features", row(features)),
            labels: plan.persistent("labels", row(attributes)),
            predictions: plan.persistent("predictions", row(attributes)),
            mask: None,
            draw: None,
            mean: 0,
            plan,
        };
        Builder { head, shape, target, batch }
    }

    /// A transient tensor \[batch, channels\].
    fn rows(&mut self, label: &str, channels: u32) -> View {
        self.head.plan.transient(label, 4 * u64::from(self.batch) * u64::from(channels))
    }

    fn values(&mut self, label: &str, count: u64) -> View {
        self.head.plan.transient(label, 4 * count)
    }

    /// y = activation(x · w + bias)
    fn product(&mut self, label: &str, [inputs, outputs]: [u32; 2], activation: Activation, operands: [View; 3], y: View) {
        let family = self.target.pointwise(self.batch, inputs, outputs);
        let layer = Pointwise { rows: self.batch, inputs, outputs, activation };
        self.head.plan.push(layer.step(label, family, self.target.lanes, operands, None, y));
    }

    fn hidden_layer(&mut self) -> View {
        let [features, hidden, _] = self.shape.padded();
        let [kernel, bias, ..] = self.head.tensors.weights;
        let y = self.rows("hidden", hidden);
        self.product("dense 1", [features, hidden], Activation::Relu, [self.head.features, kernel, bias], y);
        y
    }

    fn normalise(&mut self, x: View, statistics: [View; 2]) -> View {
        let channels = self.shape.padded()[1];
        let [_, _, gamma, beta, ..] = self.head.tensors.weights;
        let y = self.rows("normalised", channels);
        let shape = BatchNorm { rows: self.batch, channels, epsilon: HEAD_EPSILON, activation: Activation::None };
        self.head.plan.push(shape.step("batch norm", x, statistics, [gamma, beta], y));
        y
    }

    fn output_layer(&mut self, x: View) {
        let [_, hidden, attributes] = self.shape.padded();
        let [.., kernel, bias] = self.head.tensors.weights;
        self.product("dense 2", [hidden, attributes], Activation::Sigmoid, [x, kernel, bias], self.head.predictions);
    }

    /// Loss and accuracy; returns the gradient of the loss by the predictions.
    fn losses(&mut self) -> View {
        let attributes = self.shape.attributes;
        let loss = self.values("loss", u64::from(self.batch));
        let gradient = self.rows("gradient of predictions", padded_channels(attributes));
        let HeadPlan { predictions, labels, .. } = self.head;
        let HeadTensors { losses, correct, .. } = self.head.tensors;
        let plan = &mut self.head.plan;
        let cosine = CosineProximity { batch: self.batch, attributes };
        plan.push(cosine.step("cosine proximity", predictions, labels, loss, gradient));
        self.head.mean = plan.steps().len();
        plan.push(LossMean { count: self.batch, position: 0 }.step("mean loss", loss, losses));
        plan.push(BinaryAccuracy { rows: self.batch, attributes }.step("accuracy", predictions, labels, correct));
        gradient
    }

    fn training(&mut self, settings: &HeadTraining, masks: Masks) {
        let (rows, [features, hidden, attributes]) = (self.batch, self.shape.padded());
        let [_, _, gamma, _, running_mean, running_variance, kernel2, _] = self.head.tensors.weights;
        let zeros = self.head.tensors.zeros;

        let activated = self.hidden_layer();
        let statistics = ["batch mean", "batch variance"].map(|label| self.values(label, u64::from(hidden)));
        // A batch is a single part.
        let of_parts = ["part mean", "part variance"].map(|label| self.values(label, u64::from(hidden)));
        let parts = RowParts::whole(rows);
        let shape = BatchNormStatistics { rows: parts, channels: hidden };
        self.head.plan.push(shape.step("batch statistics", activated, of_parts));
        // For rows of features Keras keeps the biased variance.
        let shape = BatchNormCombine { rows: parts, channels: hidden, momentum: settings.momentum, correction: 1.0 };
        self.head.plan.push(shape.step("running statistics", of_parts, statistics, [running_mean, running_variance]));
        let normalised = self.normalise(activated, statistics);
        let mask = self.mask(settings, masks);
        let dropout = Dropout { rows, channels: hidden, rate: settings.dropout };
        let dropped = self.rows("dropped", hidden);
        self.head.plan.push(dropout.step("dropout", normalised, mask, dropped));
        self.output_layer(dropped);

        let by_predictions = self.losses();
        let by_logits = self.rows("gradient of logits", attributes);
        let sigmoid = ActivationBackward { rows, channels: attributes, activation: Activation::Sigmoid };
        self.head.plan.push(sigmoid.step("sigmoid dx", by_predictions, self.head.predictions, by_logits));
        let of_dense2 = self.dense_gradients("dense 2", [hidden, attributes], dropped, by_logits);
        let transposed = self.values("dense 2 kernel transposed", u64::from(hidden) * u64::from(attributes));
        self.head.plan.push(Transpose { rows: hidden, columns: attributes }.step("transpose", kernel2, transposed));
        let by_dropped = self.rows("gradient of dropped", hidden);
        let operands = [by_logits, transposed, zeros];
        self.product("dense 2 dx", [attributes, hidden], Activation::None, operands, by_dropped);
        let by_normalised = self.rows("gradient of normalised", hidden);
        self.head.plan.push(dropout.step("dropout dx", by_dropped, mask, by_normalised));

        let of_norm = ["gradient of gamma", "gradient of beta"].map(|label| self.values(label, u64::from(hidden)));
        let norm = BatchNormDw { rows: RowParts::whole(rows), channels: hidden, epsilon: HEAD_EPSILON };
        self.head.plan.push(norm.step("batch norm dw", by_normalised, activated, statistics, of_norm));
        let norm = BatchNormDx { rows, channels: hidden, epsilon: HEAD_EPSILON, training: true };
        let by_activated = self.rows("gradient of hidden", hidden);
        let weights = [gamma, of_norm[0], of_norm[1]];
        self.head.plan.push(norm.step("batch norm dx", by_normalised, activated, statistics, weights, by_activated));
        let by_hidden = self.rows("gradient before ReLU", hidden);
        let relu = ActivationBackward { rows, channels: hidden, activation: Activation::Relu };
        self.head.plan.push(relu.step("ReLU dx", by_activated, activated, by_hidden));
        let of_dense1 = self.dense_gradients("dense 1", [features, hidden], self.head.features, by_hidden);

        let gradients = [of_dense1, of_norm, of_dense2];
        self.update(settings, gradients.as_flattened());
    }

    /// The mask of this step, drawn where none is given.
    fn mask(&mut self, settings: &HeadTraining, masks: Masks) -> View {
        let (rows, channels) = (self.batch, self.shape.padded()[1]);
        let mask = self.head.plan.persistent("dropout mask", 4 * u64::from(rows) * u64::from(channels));
        if masks == Masks::Drawn {
            let seed = super::random::bits(settings.seed, super::random::Stream::Dropout, 0) as u32;
            let draw = DropoutMask { rows, channels, rate: settings.dropout, seed, epoch: 0, first_sample: 0 };
            self.head.draw = Some((self.head.plan.steps().len(), draw));
            self.head.plan.push(draw.step("dropout mask", mask));
        }
        self.head.mask = Some(mask);
        mask
    }

    /// Gradients of a dense layer by its kernel and its bias.
    fn dense_gradients(&mut self, label: &str, [inputs, outputs]: [u32; 2], x: View, gy: View) -> [View; 2] {
        let kernel = self.values(&format!("{label} dw"), u64::from(inputs) * u64::from(outputs));
        let bias = self.values(&format!("{label} db"), u64::from(outputs));
        let family = self.target.dense_dw(outputs);
        let dw = DenseDw { rows: RowParts::whole(self.batch), inputs, outputs };
        self.head.plan.push(dw.step(&format!("{label} dw"), family, self.target.lanes, x, gy, kernel));
        let db = ColumnSum { rows: RowParts::whole(self.batch), channels: outputs };
        self.head.plan.push(db.step(&format!("{label} db"), gy, bias));
        [kernel, bias]
    }

    fn update(&mut self, settings: &HeadTraining, gradients: &[View]) {
        let HeadTraining { learning_rate, rho, epsilon, .. } = *settings;
        for ((tensor, gradient), state) in TRAINED.into_iter().zip(gradients).zip(self.head.tensors.accumulated) {
            let parameter = self.head.tensors.weights[tensor];
            let update = Adadelta { count: (parameter.bytes / 4) as u32, learning_rate, rho, epsilon };
            let label = format!("update {}", Head::TENSORS[tensor]);
            self.head.plan.push(update.step(&label, *gradient, parameter, state));
        }
    }
}

//! The head in training: Dense, ReLU, batch norm, dropout, Dense, sigmoid, the loss, and the way back.

use super::builder::Builder;
use super::objective::{Loss, Objective};
use crate::nn::HEAD_EPSILON;
use crate::ops::{
    Activation, ActivationBackward, BatchNorm, BatchNormBackwardInput, BatchNormBackwardWeight, BatchNormCombine,
    BatchNormStatistics, BinaryAccuracy, ColumnSum, CosineProximity, DenseBackwardWeight, Dropout, ElementwiseLoss, LossMean,
    Transpose, padded_channels,
};
use crate::plan::{RowParts, View};

use super::parameters::{HiddenSlots, Slot};

/// What the backward pass needs of the hidden layer.
pub(super) struct Hidden {
    activated: View,
    mask: View,
}

/// Where a step reads labels and what they weigh, and leaves predictions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub labels: View,
    pub label_weights: Option<View>,
    pub predictions: View,
}

impl Builder<'_> {
    /// Appends the head: features in, predictions out. `mask` says which hidden values are kept. Also returns what the last
    /// layer read.
    pub(super) fn head_forward(&mut self, features: View, mask: View, predictions: View) -> (Option<Hidden>, View) {
        let (shape, table) = (self.shape.head, self.table);
        let mut x = features;
        let mut hidden = None;
        if let (Some(width), Some(slots)) = (shape.hidden, &table.hidden) {
            let (features, width) = (padded_channels(shape.features), padded_channels(width));
            let weights = self.buffers.weights;
            let activated = self.rows("hidden", width);
            let operands = [x, slots.kernel.view(weights), slots.bias.view(weights)];
            self.product("dense 1", [features, width], Activation::Relu, operands, activated);
            let normalised = self.hidden_norm(slots, activated, width);
            let dropout = Dropout { rows: self.batch, channels: width, rate: shape.dropout };
            let dropped = self.rows("dropped", width);
            self.plan.push(dropout.step("dropout", normalised, mask, dropped));
            hidden = Some(Hidden { activated, mask });
            x = dropped;
        }
        let inputs = padded_channels(shape.hidden.unwrap_or(shape.features));
        let operands = [x, table.output[0].view(self.buffers.weights), table.output[1].view(self.buffers.weights)];
        self.product("dense 2", [inputs, padded_channels(shape.attributes)], Activation::Sigmoid, operands, predictions);
        (hidden, x)
    }

    fn hidden_norm(&mut self, slots: &HiddenSlots, x: View, channels: u32) -> View {
        // A batch is a single part.
        let rows = RowParts::whole(self.batch);
        let of_parts = self.values("hidden statistics", 2 * u64::from(channels));
        let statistics = slots.running.view(self.buffers.of_batch);
        self.plan.push(BatchNormStatistics { rows, channels }.step("hidden statistics", x, of_parts));
        let correction = self.shape.running_statistics.correction(self.batch, false, HEAD_EPSILON);
        let combine = BatchNormCombine { rows, channels, momentum: self.shape.head.momentum, correction };
        self.combine("hidden statistics", combine, of_parts, &slots.running);
        let y = self.rows("hidden normalised", channels);
        let norm = BatchNorm { rows: self.batch, channels, epsilon: HEAD_EPSILON, activation: Activation::None };
        self.plan.push(norm.step("hidden norm", x, statistics, slots.affine.view(self.buffers.weights), None, y));
        y
    }

    /// Appends the loss of each sample, their mean, and the count of right predictions; returns the gradient of the mean by
    /// the predictions, and the step that stores it.
    pub(super) fn loss(&mut self, loss: Loss, ends: Ends) -> (View, usize) {
        let (batch, attributes) = (self.batch, self.shape.head.attributes);
        let Ends { labels, label_weights, predictions } = ends;
        let of_samples = self.values("loss", u64::from(batch));
        let gradient = self.rows("gradient of predictions", padded_channels(attributes));
        let step = match loss.objective() {
            Objective::Cosine(form) => {
                CosineProximity { batch, attributes, form }.step("loss", predictions, labels, of_samples, gradient)
            }
            Objective::Elementwise(formula) => {
                let loss = ElementwiseLoss { batch, attributes, formula };
                loss.step("loss", [predictions, labels], label_weights, of_samples, gradient)
            }
        };
        self.plan.push(step);
        let mean = self.plan.steps().len();
        self.plan.push(LossMean { count: batch, position: 0 }.step("mean loss", of_samples, self.buffers.losses));
        let accuracy = BinaryAccuracy { rows: batch, attributes };
        self.plan.push(accuracy.step("accuracy", predictions, labels, self.buffers.correct));
        (gradient, mean)
    }

    /// Appends the way back from the gradient by the predictions to that by the features, where anything asks for it.
    pub(super) fn head_backward(
        &mut self,
        by_predictions: View,
        predictions: View,
        features: View,
        (hidden, x): (Option<Hidden>, View),
    ) -> Option<View> {
        let (shape, table) = (self.shape.head, self.table);
        let attributes = padded_channels(shape.attributes);
        let inputs = padded_channels(shape.hidden.unwrap_or(shape.features));
        let by_logits = self.rows("gradient of logits", attributes);
        let sigmoid = ActivationBackward { rows: self.batch, channels: attributes, activation: Activation::Sigmoid };
        self.plan.push(sigmoid.step("sigmoid dx", by_predictions, predictions, by_logits));
        self.dense_gradients("dense 2", [inputs, attributes], x, by_logits, &table.output[0], &table.output[1]);
        let wants_features = self.shape.first_trained < self.shape.layers.len();
        let (Some(hidden), Some(slots)) = (hidden, &table.hidden) else {
            return wants_features.then(|| self.dense_dx("dense 2 dx", [inputs, attributes], &table.output[0], by_logits));
        };
        let by_dropped = self.dense_dx("dense 2 dx", [inputs, attributes], &table.output[0], by_logits);
        let by_hidden = self.hidden_backward(slots, hidden, by_dropped, inputs);
        let features_padded = padded_channels(shape.features);
        self.dense_gradients("dense 1", [features_padded, inputs], features, by_hidden, &slots.kernel, &slots.bias);
        wants_features.then(|| self.dense_dx("dense 1 dx", [features_padded, inputs], &slots.kernel, by_hidden))
    }

    /// From the gradient by what is left after dropout to that by the hidden layer before its ReLU.
    fn hidden_backward(&mut self, slots: &HiddenSlots, hidden: Hidden, by_dropped: View, channels: u32) -> View {
        let rows = self.batch;
        let Hidden { activated, mask } = hidden;
        let by_normalised = self.rows("gradient of normalised", channels);
        let dropout = Dropout { rows, channels, rate: self.shape.head.dropout };
        self.plan.push(dropout.step("dropout dx", by_dropped, mask, by_normalised));
        let statistics = slots.running.view(self.buffers.of_batch);
        let affine = slots.affine.view(self.buffers.weights);
        let gradients = slots.affine.view(self.buffers.gradients);
        let (epsilon, activation) = (HEAD_EPSILON, Activation::None);
        let norm = BatchNormBackwardWeight { rows: RowParts::whole(rows), channels, epsilon, activation };
        self.plan.push(norm.step("hidden norm dw", by_normalised, activated, statistics, affine, gradients));
        let norm = BatchNormBackwardInput { rows, all_rows: rows, channels, epsilon, training: true, activation };
        let by_activated = self.rows("gradient of hidden", channels);
        self.plan.push(norm.step("hidden norm dx", by_normalised, activated, statistics, affine, gradients, by_activated));
        let by_hidden = self.rows("gradient before ReLU", channels);
        let relu = ActivationBackward { rows, channels, activation: Activation::Relu };
        self.plan.push(relu.step("ReLU dx", by_activated, activated, by_hidden));
        by_hidden
    }

    /// Appends the gradients of a dense layer by its kernel and its bias.
    fn dense_gradients(&mut self, label: &str, [inputs, outputs]: [u32; 2], x: View, gy: View, kernel: &Slot, bias: &Slot) {
        let gradients = self.buffers.gradients;
        let dw = DenseBackwardWeight { rows: RowParts::whole(self.batch), inputs, outputs };
        self.plan.push(dw.step(
            &format!("{label} dw"),
            dw.choice(self.profile),
            self.profile.capabilities.subgroup_size,
            x,
            gy,
            kernel.view(gradients),
        ));
        let db = ColumnSum { rows: RowParts::whole(self.batch), channels: outputs };
        self.plan.push(db.step(&format!("{label} db"), gy, bias.view(gradients)));
    }

    /// Appends the gradient of a dense layer by its input.
    fn dense_dx(&mut self, label: &str, [inputs, outputs]: [u32; 2], kernel: &Slot, gy: View) -> View {
        let kernel = kernel.view(self.buffers.weights);
        let transposed = self.values(&format!("{label}, kernel transposed"), u64::from(inputs) * u64::from(outputs));
        self.plan.push(Transpose { rows: inputs, columns: outputs }.step(label, kernel, transposed));
        let dx = self.rows(label, inputs);
        let operands = [gy, transposed, self.zeros(inputs)];
        self.product(label, [outputs, inputs], Activation::None, operands, dx);
        dx
    }
}

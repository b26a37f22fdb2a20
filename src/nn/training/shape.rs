//! The description of a network and of how it is trained.

use crate::nn::mobilenet_v2::mobilenet_v2;
use crate::nn::network::{DenseLayer, Layer, Network, NormLayer};
use crate::nn::{Activations, HEAD_EPSILON, Head, Model};
use crate::ops::{Activation, Padding, padded_channels};
use crate::plan::{Precision, View};

/// How batch norm runs in frozen layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrozenNorm {
    /// It uses the running statistics, as TensorFlow 2 does.
    Inference,
    /// It uses the statistics of the batch but does not update the running ones, as Keras 2.2.4 does.
    BatchStatistics,
}

/// How the running statistics r are updated by those of a batch. Plain averages are r ← momentum · r + (1 − momentum) · batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningStatistics {
    /// Plain averages of means and biased variances, as TensorFlow computes them in double precision.
    Tensorflow64,
    /// Plain averages of means and of variances, which are unbiased for images, as in PyTorch and in TensorFlow's fused batch
    /// norm in single precision.
    Tensorflow,
    /// The averages of Keras 2.2.4 on TensorFlow 1, with its own correction of variances. They do not depend on the initial
    /// values, even if these were loaded. After t updates they are Σᵢ (1 − b) bᵗ⁻ⁱ batchᵢ / (1 − bᵗ), where b is the momentum.
    Keras2,
}

/// One pass as a part of an update. A batch may take several passes; each moves the running statistics by its share of the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpdatePart {
    /// Number of the update, counted from 1.
    pub number: u32,
    /// Share of the batch in the parts before this one, in \[0, 1).
    pub before: f32,
    /// Share of the batch in this part, in (0, 1\].
    pub share: f32,
}

impl RunningStatistics {
    /// Returns the factor for a biased variance of `count` rows of images or of features.
    ///
    /// `epsilon` is that of batch norm: Keras 2.2.4 multiplies by count / (count − 1 − epsilon), after TensorFlow already made
    /// the variance of images unbiased.
    pub fn correction(self, count: u32, of_images: bool, epsilon: f32) -> f32 {
        let count = f64::from(count);
        if count < 2.0 {
            return 1.0;
        }
        let unbiased = if of_images { count / (count - 1.0) } else { 1.0 };
        let correction = match self {
            RunningStatistics::Tensorflow64 => 1.0,
            RunningStatistics::Tensorflow => unbiased,
            RunningStatistics::Keras2 => unbiased * count / (count - 1.0 - f64::from(epsilon)),
        };
        correction as f32
    }

    /// Returns the momentum to use in a part of an update so that the averages over all updates have the momentum `momentum`.
    /// Returns nothing if the momentum is the same in every update.
    pub fn momentum_of(self, momentum: f32, part: UpdatePart) -> Option<f32> {
        if self != RunningStatistics::Keras2 {
            return None;
        }
        let (b, before) = (f64::from(momentum), part.number.saturating_sub(1) as i32);
        let kept = b * (1.0 - b.powi(before)) / (1.0 - b.powi(before + 1));
        // After this update, earlier batches weigh `kept` in the average and this batch weighs 1 − kept. These are the
        // total weights before and after this part.
        let [before, after] = [part.before, part.before + part.share].map(|share| kept + (1.0 - kept) * f64::from(share));
        Some((before / after) as f32)
    }
}

/// The sizes of the paper's head: Dense, ReLU, batch norm, dropout, Dense, sigmoid. Without a hidden layer, the head is only the
/// last dense layer with sigmoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadShape {
    /// Number of input values per image.
    pub features: u32,
    /// Width of the hidden layer, if there is one.
    pub hidden: Option<u32>,
    /// Number of outputs.
    pub attributes: u32,
    /// Share of hidden values that dropout drops, in \[0, 1).
    pub dropout: f32,
    /// Momentum of the running statistics of batch norm: 0.99 in Keras.
    pub momentum: f32,
}

impl HeadShape {
    /// Returns the description of the layers.
    pub fn layers(self) -> Vec<Layer> {
        let [kernel1, bias1, gamma, beta, mean, variance, kernel2, bias2] = Head::TENSORS.map(String::from);
        let mut layers = Vec::new();
        if let Some(hidden) = self.hidden {
            let (names, inputs, activation) = ([kernel1, bias1], self.features, Activation::Relu);
            layers.push(Layer::Dense(DenseLayer { label: "head dense 1".into(), names, inputs, outputs: hidden, activation }));
            layers.push(Layer::BatchNorm(NormLayer {
                label: "head norm".into(),
                names: [gamma, beta, mean, variance],
                channels: hidden,
                epsilon: HEAD_EPSILON,
                momentum: self.momentum,
            }));
            layers.push(Layer::Dropout { rate: self.dropout });
        }
        let (names, inputs, outputs) = ([kernel2, bias2], self.hidden.unwrap_or(self.features), self.attributes);
        let (label, activation) = ("head dense 2".into(), Activation::Sigmoid);
        layers.push(Layer::Dense(DenseLayer { label, names, inputs, outputs, activation }));
        layers
    }
}

/// A network and how it is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkShape {
    /// The layers. If there are no convolutions, the input is features.
    pub network: Network,
    /// Position of the first convolution that is trained. If only the head is trained, this is the number of convolutions.
    pub first_trained: usize,
    /// How batch norm runs in the convolutions that are not trained.
    pub frozen_norm: FrozenNorm,
    /// Momentum of the running statistics of convolutions: 0.999 in Keras' MobileNetV2.
    pub momentum: f32,
    /// How running statistics are updated.
    pub running_statistics: RunningStatistics,
    /// Height and width of an image in pixels.
    pub size: u32,
}

impl NetworkShape {
    /// Returns the paper's model as Keras builds it: MobileNetV2 with a width multiplier and the head, on images of `size` ×
    /// `size`. All layers are trained.
    pub fn paper(width: f32, size: u32, attributes: u32) -> NetworkShape {
        let network = mobilenet_v2(width, Padding::TensorflowSame, 1e-3);
        let features = network.outputs();
        let shape = NetworkShape {
            network,
            first_trained: 0,
            frozen_norm: FrozenNorm::Inference,
            momentum: 0.999,
            running_statistics: RunningStatistics::Tensorflow,
            size,
        };
        shape.with_head(HeadShape { features, hidden: Some(1536), attributes, dropout: 0.3, momentum: 0.99 })
    }

    /// Returns the paper's head on the convolutions of `model`, on images of `size` × `size`. All layers are trained.
    pub fn on(model: &Model, size: u32) -> NetworkShape {
        let network = model.network();
        let head =
            HeadShape { features: network.outputs(), attributes: model.outputs(), ..NetworkShape::paper(1.0, size, 1).head() };
        NetworkShape { network, ..NetworkShape::paper(1.0, size, 1) }.with_head(head)
    }

    /// Returns this network with another head. It replaces all dense layers, batch norm of features and dropout.
    pub fn with_head(mut self, head: HeadShape) -> NetworkShape {
        self.network.layers.retain(|layer| matches!(layer, Layer::Convolution(_) | Layer::GlobalAveragePool));
        self.network.layers.extend(head.layers());
        self
    }

    /// Changes the sizes of the head.
    pub fn change_head(&mut self, change: impl FnOnce(&mut HeadShape)) {
        let mut head = self.head();
        change(&mut head);
        *self = self.clone().with_head(head);
    }

    /// Returns this network without its convolutions and pool: its input is then features.
    pub fn without_backbone(mut self) -> NetworkShape {
        self.network.layers.retain(|layer| !matches!(layer, Layer::Convolution(_) | Layer::GlobalAveragePool));
        self.first_trained = 0;
        self
    }

    /// Returns the sizes of the layers after the pool.
    pub fn head(&self) -> HeadShape {
        let dense: Vec<&DenseLayer> = self.network.dense_layers().collect();
        let (mut dropout, mut momentum) = (0.0, 0.99);
        for layer in &self.network.layers {
            match layer {
                Layer::Dropout { rate } => dropout = *rate,
                Layer::BatchNorm(norm) => momentum = norm.momentum,
                _ => {}
            }
        }
        HeadShape {
            features: dense.first().map_or(0, |first| first.inputs),
            hidden: dense.first().filter(|_| dense.len() > 1).map(|first| first.outputs),
            attributes: self.network.outputs(),
            dropout,
            momentum,
        }
    }

    /// Returns the number of convolutions.
    pub fn convolutions(&self) -> usize {
        self.network.convolutions().count()
    }

    /// Returns height and width of an input sample, and its number of channels: an image with four channels, or padded features.
    fn input_shape(&self) -> ([u32; 2], u32) {
        match self.network.reads_images() {
            true => ([self.size; 2], 4),
            false => ([1, 1], padded_channels(self.head().features)),
        }
    }

    /// Returns the number of bytes of one input sample.
    pub fn input_bytes(&self) -> u64 {
        let ([height, width], channels) = self.input_shape();
        [height, width, channels].map(u64::from).into_iter().product::<u64>() * Precision::F32.bytes()
    }

    /// Returns the input of a batch as the first layer reads it.
    pub(super) fn input(&self, view: View, batch: u32) -> Activations {
        let (extent, channels) = self.input_shape();
        Activations { view, batch, extent, channels, precision: Precision::F32 }
    }

    /// Returns the number of convolutions, from the first on, that run with batch norm folded into their weights. These are the
    /// frozen ones if they use their running statistics, and none otherwise.
    pub fn folded(&self) -> usize {
        match self.frozen_norm {
            FrozenNorm::Inference => self.first_trained.min(self.convolutions()),
            FrozenNorm::BatchStatistics => 0,
        }
    }

    /// Returns whether any batch norm in the network needs the statistics of the batch.
    pub fn uses_batch_statistics(&self) -> bool {
        let norms = self.network.layers.iter().any(|layer| matches!(layer, Layer::BatchNorm(_)));
        norms || self.folded() < self.convolutions()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keras_2_averages_do_not_depend_on_their_initial_values() {
        let (values, momentum) = ([3.0, -1.0, 7.0, 2.0], 0.99f32);
        let b = f64::from(momentum);
        for parts in [&[1.0][..], &[0.5, 0.5], &[0.25, 0.625, 0.125]] {
            let (mut running, mut sum) = (1000.0, 0.0);
            for (number, value) in (1..).zip(&values) {
                // Each part has another value, and their mean weighted by share is the value of the batch.
                let differences: Vec<f64> = (0..parts.len()).map(|part| 10.0 * part as f64).collect();
                let mean: f64 = parts.iter().zip(&differences).map(|(share, difference)| share * difference).sum();
                let mut before = 0.0;
                for (share, difference) in parts.iter().zip(&differences) {
                    let part = UpdatePart { number, before: before as f32, share: *share as f32 };
                    let kept = f64::from(RunningStatistics::Keras2.momentum_of(momentum, part).unwrap());
                    running = kept * running + (1.0 - kept) * (value + difference - mean);
                    before += share;
                }
                sum = b * sum + (1.0 - b) * value;
                let expected = sum / (1.0 - b.powi(number as i32));
                assert!((running - expected).abs() < 1e-5, "{parts:?}, update {number}: {running}, expected {expected}");
            }
        }
        let part = UpdatePart { number: 3, before: 0.0, share: 1.0 };
        for plain in [RunningStatistics::Tensorflow64, RunningStatistics::Tensorflow] {
            assert_eq!(plain.momentum_of(0.99, part), None);
        }
    }
}

//! What a network is that is trained, as data.

use crate::nn::mobilenet_v2::{Layer, layers};
use crate::ops::{Padding, padded_channels};

/// How batch norm runs in layers that are not trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrozenNorm {
    /// With the running statistics, as TensorFlow 2 does.
    Inference,
    /// With the statistics of the batch, which do not move the running ones: what Keras 2.2.4 does.
    BatchStatistics,
}

/// How the statistics of batches become running ones. Averages are r ← momentum · r + (1 − momentum) · batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningStatistics {
    /// Averages of means and biased variances: TensorFlow in double precision.
    Tensorflow64,
    /// Averages of means and, for images, unbiased variances: TensorFlow's fused batch norm in single precision, and PyTorch.
    Tensorflow,
    /// As Keras 2.2.4 on TensorFlow 1: variances times a correction of its own, and averages that forget what they began
    /// with, even if it was loaded. After t updates they are Σᵢ (1 − b) bᵗ⁻ⁱ batchᵢ / (1 − bᵗ), where b is the momentum.
    Keras2,
}

/// The part of an update that a pass is: the running statistics take it for its share of the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpdatePart {
    /// The update, from 1.
    pub number: u32,
    /// The share of the batch in the parts before this one.
    pub before: f32,
    /// The share of this part.
    pub share: f32,
}

impl RunningStatistics {
    /// What a biased variance of `count` rows, of images or of features, is multiplied by. `epsilon` is batch norm's:
    /// Keras 2.2.4 divides by count − (1 + epsilon), and TensorFlow has then made the variance of images unbiased before.
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

    /// What the running statistics keep in a part of an update, where `momentum` is what they keep of themselves in the end;
    /// `None` where it is that in every one.
    pub fn momentum_of(self, momentum: f32, part: UpdatePart) -> Option<f32> {
        if self != RunningStatistics::Keras2 {
            return None;
        }
        let (b, before) = (f64::from(momentum), part.number.saturating_sub(1) as i32);
        let kept = b * (1.0 - b.powi(before)) / (1.0 - b.powi(before + 1));
        // Of `kept` for all earlier batches and 1 − kept for this one, what is in the average before this part, and after it.
        let [before, after] = [part.before, part.before + part.share].map(|share| kept + (1.0 - kept) * f64::from(share));
        Some((before / after) as f32)
    }
}

/// The layers after the backbone: Dense, ReLU, batch norm, dropout, Dense, sigmoid; without a hidden layer only the last two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadShape {
    /// Values that it reads of an image.
    pub features: u32,
    /// Width of the hidden layer; `None` where there is none.
    pub hidden: Option<u32>,
    /// Number of outputs.
    pub attributes: u32,
    /// The share of hidden values that is dropped, in \[0, 1).
    pub dropout: f32,
    /// What its batch norm's running statistics keep in a step: 0.99 in Keras.
    pub momentum: f32,
}

/// Convolutions, each with its batch norm, a global average pool and a head.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkShape {
    /// The convolutions in order; empty where features are the input.
    pub layers: Vec<Layer>,
    /// The first of them that is trained; their number where only the head is.
    pub first_trained: usize,
    /// How batch norm runs before it.
    pub frozen_norm: FrozenNorm,
    /// Where windows start.
    pub padding: Padding,
    /// Added to the variance in the backbone's batch norm.
    pub epsilon: f32,
    /// What the backbone's running statistics keep in a step: 0.999 in Keras' MobileNetV2.
    pub momentum: f32,
    /// How the statistics of batches move them, and the head's.
    pub running_statistics: RunningStatistics,
    /// Height and width of an image.
    pub size: u32,
    /// What follows the pool.
    pub head: HeadShape,
}

impl NetworkShape {
    /// The paper's model as Keras builds it, all of it trained: MobileNetV2 of a width multiplier on images of `size` ×
    /// `size`, and the head.
    pub fn paper(width: f32, size: u32, attributes: u32) -> NetworkShape {
        let layers = layers(width);
        let features = layers.last().map_or(0, |layer| layer.outputs);
        NetworkShape {
            layers,
            first_trained: 0,
            frozen_norm: FrozenNorm::Inference,
            padding: Padding::TensorflowSame,
            epsilon: 1e-3,
            momentum: 0.999,
            running_statistics: RunningStatistics::Tensorflow,
            size,
            head: HeadShape { features, hidden: Some(1536), attributes, dropout: 0.3, momentum: 0.99 },
        }
    }

    /// Bytes of a sample of the input: an image of four channels, or features.
    pub fn input_bytes(&self) -> u64 {
        if self.layers.is_empty() {
            4 * u64::from(padded_channels(self.head.features))
        } else {
            16 * u64::from(self.size) * u64::from(self.size)
        }
    }

    /// Whether the layer at `index` is frozen and runs with batch norm folded into its weights.
    pub fn is_folded(&self, index: usize) -> bool {
        index < self.first_trained && self.frozen_norm == FrozenNorm::Inference
    }

    /// How many layers, from the first on, run with batch norm folded.
    pub fn folded(&self) -> usize {
        (0..self.layers.len()).take_while(|index| self.is_folded(*index)).count()
    }

    /// Whether any batch norm in the network needs the statistics of the batch.
    pub fn uses_batch_statistics(&self) -> bool {
        self.head.hidden.is_some() || (0..self.layers.len()).any(|index| !self.is_folded(index))
    }
}

/// The position of the first layer to train for the last `blocks` blocks of `layers` to be trained. The first convolution
/// and the last are blocks of their own: MobileNetV2 has 19.
pub fn first_of_last_blocks(layers: &[Layer], blocks: usize) -> usize {
    let count = layers.last().map_or(0, |layer| layer.block + 1);
    let first_block = count.saturating_sub(blocks);
    layers.iter().position(|layer| layer.block >= first_block).unwrap_or(layers.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keras_2_averages_forget_what_they_began_with() {
        let (values, momentum) = ([3.0, -1.0, 7.0, 2.0], 0.99f32);
        let b = f64::from(momentum);
        for parts in [&[1.0][..], &[0.5, 0.5], &[0.25, 0.625, 0.125]] {
            let (mut running, mut sum) = (1000.0, 0.0);
            for (number, value) in (1..).zip(&values) {
                // The parts of a batch differ, their mean by share is the value.
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

    #[test]
    fn the_last_blocks_begin_where_a_block_does() {
        let layers = layers(1.0);
        for (blocks, first) in [(0, 52), (1, 51), (2, 48), (18, 1), (19, 0), (40, 0)] {
            assert_eq!(first_of_last_blocks(&layers, blocks), first, "{blocks} blocks");
        }
    }
}

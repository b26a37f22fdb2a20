//! What a network is that is trained, as data.

use crate::kernels::{Padding, padded_channels};
use crate::model::mobilenet_v2::Layer;

/// How batch norm runs in layers that are not trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrozenNorm {
    /// With the running statistics, as TensorFlow 2 does.
    Inference,
    /// With the statistics of the batch, which do not move the running ones: what Keras 2.2.4 does.
    BatchStatistics,
}

/// Which variance of a batch moves the backbone's running one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunningVariance {
    /// The biased one, divided by the count: TensorFlow in double precision.
    Biased,
    /// The unbiased one, divided by one less: TensorFlow's fused batch norm in single precision, and PyTorch.
    Unbiased,
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
    /// Which variance moves them.
    pub running_variance: RunningVariance,
    /// Height and width of an image.
    pub size: u32,
    /// What follows the pool.
    pub head: HeadShape,
}

impl NetworkShape {
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
    use crate::model::mobilenet_v2::layers;

    #[test]
    fn the_last_blocks_begin_where_a_block_does() {
        let layers = layers(1.0);
        for (blocks, first) in [(0, 52), (1, 51), (2, 48), (18, 1), (19, 0), (40, 0)] {
            assert_eq!(first_of_last_blocks(&layers, blocks), first, "{blocks} blocks");
        }
    }
}

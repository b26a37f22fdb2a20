//! Descriptions of networks: the layers in order, with the names and sizes of their tensors but without values.

use crate::ops::{Activation, Padding, padded_channels};

/// The kind of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvolutionKind {
    /// A 3×3 convolution over all input channels.
    Stem,
    /// A 3×3 convolution of each channel by itself.
    Depthwise,
    /// A 1×1 convolution over all input channels.
    Pointwise,
}

/// A convolution with its batch norm and activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convolution {
    /// Prefix of the convolution's tensors in a weights file: `features.1.conv.0.0`.
    pub name: String,
    /// Prefix of the batch norm's tensors: `features.1.conv.0.1`.
    pub norm: String,
    /// Stem, depthwise or pointwise.
    pub kind: ConvolutionKind,
    /// Input channels.
    pub inputs: u32,
    /// Output channels.
    pub outputs: u32,
    /// Stride in both dimensions: 1 or 2.
    pub stride: u32,
    /// The activation after batch norm.
    pub activation: Activation,
    /// Index of the block that the convolution belongs to. A block is trained or frozen as a whole.
    pub block: usize,
    /// Whether it is the last convolution of a residual block, whose input is added to its output. It must be pointwise.
    pub residual: bool,
}

impl Convolution {
    /// Returns the number of input channels of each output channel.
    pub fn inputs_per_output(&self) -> u32 {
        if self.kind == ConvolutionKind::Depthwise { 1 } else { self.inputs }
    }

    /// Returns the number of taps of the window.
    pub fn taps(&self) -> u32 {
        if self.kind == ConvolutionKind::Pointwise { 1 } else { 9 }
    }

    /// Returns the shape of the weight in torchvision's layout: OIHW, or C1HW for a depthwise convolution.
    pub fn weight_shape(&self) -> Vec<usize> {
        let side = if self.kind == ConvolutionKind::Pointwise { 1 } else { 3 };
        vec![self.outputs as usize, self.inputs_per_output() as usize, side, side]
    }

    /// Returns the number of output channels with padding, a multiple of four.
    pub fn padded_outputs(&self) -> u32 {
        padded_channels(self.outputs)
    }
}

/// A dense layer: activation(x · kernel + bias).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenseLayer {
    /// The layer's label in tables.
    pub label: String,
    /// Names of kernel \[inputs, outputs\] and bias \[outputs\] in a weights file.
    pub names: [String; 2],
    /// Number of input values per row.
    pub inputs: u32,
    /// Number of output values per row.
    pub outputs: u32,
    /// The activation of the result.
    pub activation: Activation,
}

/// Batch norm of rows of features, after a dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct NormLayer {
    /// The layer's label in tables.
    pub label: String,
    /// Names of gamma, beta, running mean and running variance in a weights file.
    pub names: [String; 4],
    /// Number of features.
    pub channels: u32,
    /// ε that is added to the variance.
    pub epsilon: f32,
    /// Momentum of the running statistics: r ← momentum · r + (1 − momentum) · batch.
    pub momentum: f32,
}

/// One layer of a network.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// A convolution with batch norm.
    Convolution(Convolution),
    /// Global average pool: the mean of each channel over all pixels.
    GlobalAveragePool,
    /// A dense layer.
    Dense(DenseLayer),
    /// Batch norm of features.
    BatchNorm(NormLayer),
    /// Dropout. It is the identity except in training.
    Dropout {
        /// Share of values that are dropped, in \[0, 1).
        rate: f32,
    },
}

/// The description of a network. Its input is an image \[size, size, 3\] if the first layer is a convolution, and a row of
/// features otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The layers in order.
    pub layers: Vec<Layer>,
    /// Padding of the convolutions.
    pub padding: Padding,
    /// ε that the batch norm of convolutions adds to the variance.
    pub epsilon: f32,
}

impl Network {
    /// Returns a network of convolutions and the global average pool.
    pub fn of_convolutions(convolutions: impl IntoIterator<Item = Convolution>, padding: Padding, epsilon: f32) -> Network {
        let mut network = Network::new(padding, epsilon);
        network.layers.extend(convolutions.into_iter().map(Layer::Convolution));
        network.layers.push(Layer::GlobalAveragePool);
        network
    }

    /// Returns a network without layers.
    pub fn new(padding: Padding, epsilon: f32) -> Network {
        Network { layers: Vec::new(), padding, epsilon }
    }

    /// Returns the convolutions in order.
    pub fn convolutions(&self) -> impl DoubleEndedIterator<Item = &Convolution> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Convolution(convolution) => Some(convolution),
            _ => None,
        })
    }

    /// Returns the convolutions in order, for modification.
    pub fn convolutions_mut(&mut self) -> impl Iterator<Item = &mut Convolution> {
        self.layers.iter_mut().filter_map(|layer| match layer {
            Layer::Convolution(convolution) => Some(convolution),
            _ => None,
        })
    }

    /// Returns the dense layers in order.
    pub fn dense_layers(&self) -> impl DoubleEndedIterator<Item = &DenseLayer> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense),
            _ => None,
        })
    }

    /// Returns whether the input of the network is an image.
    pub fn reads_images(&self) -> bool {
        matches!(self.layers.first(), Some(Layer::Convolution(_)))
    }

    /// Returns the number of output values per sample.
    pub fn outputs(&self) -> u32 {
        let outputs = |layer: &Layer| match layer {
            Layer::Convolution(convolution) => Some(convolution.outputs),
            Layer::Dense(dense) => Some(dense.outputs),
            _ => None,
        };
        self.layers.iter().rev().find_map(outputs).unwrap_or(0)
    }

    /// Returns the largest number of channels in the network, padded to a multiple of four.
    pub(crate) fn widest(&self) -> u32 {
        let widths = self.layers.iter().flat_map(|layer| match layer {
            Layer::Convolution(convolution) => [convolution.inputs, convolution.outputs],
            Layer::Dense(dense) => [dense.inputs, dense.outputs],
            _ => [0, 0],
        });
        widths.map(padded_channels).max().unwrap_or(4)
    }
}

/// Returns the position of the first convolution of the last `blocks` blocks. The first and the last convolution are blocks of
/// their own, so MobileNetV2 has 19 blocks.
pub fn first_of_last_blocks(layers: &[Convolution], blocks: usize) -> usize {
    let count = layers.last().map_or(0, |layer| layer.block + 1);
    let first_block = count.saturating_sub(blocks);
    layers.iter().position(|layer| layer.block >= first_block).unwrap_or(layers.len())
}

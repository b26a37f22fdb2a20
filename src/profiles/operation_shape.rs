//! An operation and its sizes, on which the choice of a variant depends.

use serde::{Deserialize, Serialize};

use super::{Operation, Quantity};
use crate::plan::WeightLayout;

/// An operation and its sizes, as far as the choice of a variant depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "operation")]
pub enum OperationShape {
    /// A dense 3×3 convolution: the first layer of a network.
    Stem {
        /// Number of images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Input channels.
        inputs: u32,
        /// Whether the fourth of four input channels holds zeros.
        rgb: bool,
        /// Output channels.
        outputs: u32,
        /// Stride: 1 or 2.
        stride: u32,
    },
    /// A depthwise 3×3 convolution.
    Depthwise {
        /// Number of images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Channels.
        channels: u32,
        /// Stride: 1 or 2.
        stride: u32,
    },
    /// A pointwise convolution followed by a depthwise one. If the chosen kernel computes the depthwise layer alone, the two
    /// layers run as separate dispatches.
    ExpandDepthwise {
        /// Number of images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Input channels of the pointwise layer.
        inputs: u32,
        /// Channels of the depthwise layer.
        channels: u32,
        /// Stride of the depthwise layer: 1 or 2.
        stride: u32,
    },
    /// A pointwise convolution, a depthwise one and another pointwise one: an inverted residual. If the chosen kernel computes the
    /// last layer alone, the block runs as separate dispatches.
    InvertedResidual {
        /// Number of images.
        batch: u32,
        /// Height and width of the input.
        size: [u32; 2],
        /// Input channels of the first layer.
        inputs: u32,
        /// Channels of the depthwise layer.
        channels: u32,
        /// Output channels of the last layer.
        outputs: u32,
        /// Stride of the depthwise layer: 1 or 2.
        stride: u32,
    },
    /// The input gradient of a depthwise convolution.
    DepthwiseBackwardInput {
        /// Number of images.
        batch: u32,
        /// Height and width of the layer's input.
        size: [u32; 2],
        /// Channels.
        channels: u32,
        /// Stride: 1 or 2.
        stride: u32,
    },
    /// A pointwise convolution or a dense layer.
    Pointwise {
        /// Batch × height × width.
        rows: u32,
        /// Input channels.
        inputs: u32,
        /// Output channels.
        outputs: u32,
        /// Order of the weights.
        layout: WeightLayout,
    },
    /// The weight gradient of a pointwise convolution or a dense layer.
    DenseBackwardWeight {
        /// Batch × height × width.
        rows: u32,
        /// Rows that are summed in one part.
        rows_a_part: u32,
        /// Input channels.
        inputs: u32,
        /// Output channels.
        outputs: u32,
    },
}

impl OperationShape {
    /// Returns the operation, without its sizes.
    pub fn operation(self) -> Operation {
        match self {
            OperationShape::Stem { .. } => Operation::Stem,
            OperationShape::Depthwise { .. } => Operation::Depthwise,
            OperationShape::ExpandDepthwise { .. } => Operation::ExpandDepthwise,
            OperationShape::InvertedResidual { .. } => Operation::InvertedResidual,
            OperationShape::DepthwiseBackwardInput { .. } => Operation::DepthwiseBackwardInput,
            OperationShape::Pointwise { .. } => Operation::Pointwise,
            OperationShape::DenseBackwardWeight { .. } => Operation::DenseBackwardWeight,
        }
    }

    /// Returns a quantity of the shape, or nothing if the operation has no such quantity.
    pub fn quantity(self, quantity: Quantity) -> Option<u64> {
        let matrix = match self {
            OperationShape::Pointwise { rows, .. } | OperationShape::DenseBackwardWeight { rows, .. } => Some(u64::from(rows)),
            OperationShape::InvertedResidual { batch, size, stride, .. } => Some(u64::from(pixels(batch, size, stride))),
            _ => None,
        };
        let (inputs, outputs) = match self {
            OperationShape::Stem { inputs, outputs, .. }
            | OperationShape::InvertedResidual { inputs, outputs, .. }
            | OperationShape::Pointwise { inputs, outputs, .. }
            | OperationShape::DenseBackwardWeight { inputs, outputs, .. } => (inputs, outputs),
            OperationShape::ExpandDepthwise { inputs, channels, .. } => (inputs, channels),
            OperationShape::Depthwise { channels, .. } | OperationShape::DepthwiseBackwardInput { channels, .. } => {
                (channels, channels)
            }
        };
        let window = match self {
            OperationShape::Stem { size, stride, .. }
            | OperationShape::Depthwise { size, stride, .. }
            | OperationShape::ExpandDepthwise { size, stride, .. }
            | OperationShape::InvertedResidual { size, stride, .. }
            | OperationShape::DepthwiseBackwardInput { size, stride, .. } => Some((size[1], stride)),
            OperationShape::Pointwise { .. } | OperationShape::DenseBackwardWeight { .. } => None,
        };
        match quantity {
            Quantity::Rows => matrix,
            Quantity::Inputs => Some(u64::from(inputs)),
            Quantity::Outputs => Some(u64::from(outputs)),
            Quantity::Results => matrix.map(|rows| rows * u64::from(outputs)),
            Quantity::OutWidth => window.map(|(width, stride)| u64::from(width.div_ceil(stride))),
            Quantity::Stride => window.map(|(_, stride)| u64::from(stride)),
        }
    }

    /// Returns the shape of the last layer of several in one kernel. It runs if the layers are separate dispatches.
    pub fn last_layer_alone(self) -> Option<OperationShape> {
        match self {
            OperationShape::ExpandDepthwise { batch, size, channels, stride, .. } => {
                Some(OperationShape::Depthwise { batch, size, channels, stride })
            }
            OperationShape::InvertedResidual { batch, size, channels: inputs, outputs, stride, .. } => {
                let rows = pixels(batch, size, stride);
                Some(OperationShape::Pointwise { rows, inputs, outputs, layout: WeightLayout::Panels })
            }
            _ => None,
        }
    }
}

/// Returns the number of output pixels of a depthwise convolution of a batch.
fn pixels(batch: u32, size: [u32; 2], stride: u32) -> u32 {
    let [height, width] = size.map(|size| size.div_ceil(stride));
    batch * height * width
}

impl std::fmt::Display for OperationShape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match *self {
            OperationShape::Stem { batch, size: [height, width], inputs, outputs, stride, .. } => {
                write!(formatter, "stem {batch}x{height}x{width}, {inputs} to {outputs}, stride {stride}")
            }
            OperationShape::Depthwise { batch, size: [height, width], channels, stride } => {
                write!(formatter, "depthwise {batch}x{height}x{width}x{channels}, stride {stride}")
            }
            OperationShape::ExpandDepthwise { batch, size: [height, width], inputs, channels, stride } => {
                write!(formatter, "expansion {batch}x{height}x{width}x{inputs} to {channels}, stride {stride}")
            }
            OperationShape::InvertedResidual { batch, size: [height, width], inputs, channels, outputs, stride } => {
                write!(
                    formatter,
                    "inverted residual {batch}x{height}x{width}x{inputs} by {channels} to {outputs}, stride {stride}"
                )
            }
            OperationShape::DepthwiseBackwardInput { batch, size: [height, width], channels, stride } => {
                write!(formatter, "depthwise input gradient {batch}x{height}x{width}x{channels}, stride {stride}")
            }
            OperationShape::Pointwise { rows, inputs, outputs, layout } => {
                write!(formatter, "pointwise {rows}x{inputs} to {outputs}, weights in {layout}")
            }
            OperationShape::DenseBackwardWeight { rows, inputs, outputs, .. } => {
                write!(formatter, "dense weight gradient {rows}x{inputs} to {outputs}")
            }
        }
    }
}

//! The description of the network: its parts in order, with names and sizes of their convolutions.

use crate::nn::network::{Convolution, ConvolutionKind};
use crate::ops::Activation;

/// A part of the network. The parts run in order on one value, the activations so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Convolutions.
    Convolutions(Vec<Convolution>),
    /// Max pooling over windows of 2×2 pixels.
    Pool,
    /// Keeps the value for a later [`Part::AddToKept`].
    Keep,
    /// The value is enlarged to twice its size and added to the one that was kept last.
    AddToKept,
    /// Convolutions that compute the results at one scale. The value stays as it is.
    Head {
        /// The scale: 0 for the finest.
        scale: usize,
        /// The convolutions.
        layers: Vec<Convolution>,
    },
}

impl Part {
    /// Returns the convolutions of the part.
    pub fn convolutions(&self) -> &[Convolution] {
        match self {
            Part::Convolutions(layers) | Part::Head { layers, .. } => layers,
            Part::Pool | Part::Keep | Part::AddToKept => &[],
        }
    }
}

/// The heads of a scale, with their outputs. Concatenated, they are one unit.
pub const HEADS: [(&str, u32); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

/// Stands for each of the [`HEADS`] in the name of a convolution.
pub const ALL_HEADS: &str = "{head}";

/// Input and output channels of the two units of each stage, and whether the stage ends with a pool. The results of the last
/// three stages are the scales.
const STAGES: [([u32; 3], bool); 5] =
    [([16, 16, 32], false), ([32, 32, 64], true), ([64, 64, 64], true), ([64, 64, 64], true), ([64, 64, 64], false)];

/// Returns the parts of the small model.
pub fn parts() -> Vec<Part> {
    let stem = Convolution {
        stride: 2,
        kind: ConvolutionKind::Stem,
        inputs: 3,
        ..pointwise("backbone.model0.conv1", [3, 16], Activation::Relu)
    };
    let mut first = vec![stem];
    first.extend(unit("backbone.model0.conv2", [16, 16], Activation::Relu));
    let mut parts = vec![Part::Convolutions(first), Part::Pool];
    for (stage, ([inputs, middle, outputs], is_pooled)) in (1..).zip(STAGES) {
        let mut layers = unit(&format!("backbone.model{stage}.conv1"), [inputs, middle], Activation::Relu);
        layers.extend(unit(&format!("backbone.model{stage}.conv2"), [middle, outputs], Activation::Relu));
        parts.push(Part::Convolutions(layers));
        if is_pooled {
            // The pool halves what the coarser scales see; the finer ones need the value before it.
            if stage > 2 {
                parts.push(Part::Keep);
            }
            parts.push(Part::Pool);
        }
    }
    for scale in (0..3).rev() {
        parts.push(Part::Convolutions(unit(&format!("neck.lateral_convs.{scale}"), [64, 64], Activation::Relu)));
        let outputs = HEADS.iter().map(|(_, outputs)| outputs).sum();
        let layers = unit(&format!("bbox_head.multi_level_{ALL_HEADS}.{scale}"), [64, outputs], Activation::None);
        parts.push(Part::Head { scale, layers });
        if scale > 0 {
            parts.push(Part::AddToKept);
        }
    }
    parts
}

/// Returns a pointwise convolution followed by a depthwise one.
fn unit(name: &str, channels: [u32; 2], activation: Activation) -> Vec<Convolution> {
    let expand = pointwise(&format!("{name}.conv1"), channels, Activation::None);
    let [_, outputs] = channels;
    let depthwise = pointwise(&format!("{name}.conv2"), [outputs; 2], activation);
    vec![expand, Convolution { kind: ConvolutionKind::Depthwise, ..depthwise }]
}

fn pointwise(name: &str, [inputs, outputs]: [u32; 2], activation: Activation) -> Convolution {
    Convolution {
        name: name.to_string(),
        // Batch norm is folded in the file already.
        norm: String::new(),
        kind: ConvolutionKind::Pointwise,
        inputs,
        outputs,
        stride: 1,
        activation,
        block: 0,
        residual: false,
    }
}

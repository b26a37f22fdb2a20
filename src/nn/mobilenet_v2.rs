//! MobileNetV2 (Sandler et al., 2018), with the names that torchvision gives its tensors.

use super::network::{Convolution, ConvolutionKind, Layer, Network};
use crate::ops::{Activation, Padding};

/// Expansion, channels, repeats and first stride of each stage (table 2 of the paper).
const STAGES: [(u32, u32, u32, u32); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// The width multipliers for which ImageNet weights are published.
pub const WIDTHS: [f32; 6] = [1.0, 0.75, 0.5, 0.35, 1.3, 1.4];

/// Returns a number of channels scaled by a width multiplier. It is rounded to a multiple of eight, but not down by more than a
/// tenth, as by `_make_divisible` of TensorFlow and torchvision.
pub fn scaled_channels(channels: u32, width: f32) -> u32 {
    let wanted = channels as f32 * width;
    let rounded = (((wanted + 4.0) as u32) / 8 * 8).max(8);
    if (rounded as f32) < 0.9 * wanted { rounded + 8 } else { rounded }
}

/// Returns the description of MobileNetV2 with a width multiplier: 52 convolutions and the global average pool.
pub fn mobilenet_v2(width: f32, padding: Padding, epsilon: f32) -> Network {
    use ConvolutionKind::{Depthwise, Pointwise, Stem};
    let (relu6, linear) = (Activation::Relu6, Activation::None);
    let mut network = Network::new(padding, epsilon);
    let mut inputs = scaled_channels(32, width);
    network.layers.push(convolution((0, "features.0.0", "features.0.1"), Stem, [3, inputs, 2], relu6));
    let mut block = 1;
    for (expansion, channels, repeats, first_stride) in STAGES {
        let outputs = scaled_channels(channels, width);
        for repeat in 0..repeats {
            let (stride, hidden) = (if repeat == 0 { first_stride } else { 1 }, inputs * expansion);
            let mut layers = Vec::new();
            if expansion > 1 {
                layers.push((Pointwise, [inputs, hidden, 1]));
            }
            layers.push((Depthwise, [hidden, hidden, stride]));
            for (part, (kind, shape)) in layers.iter().enumerate() {
                let prefix = format!("features.{block}.conv.{part}");
                let names = (block, &*format!("{prefix}.0"), &*format!("{prefix}.1"));
                network.layers.push(convolution(names, *kind, *shape, relu6));
            }
            let [name, norm] = [0, 1].map(|more| format!("features.{block}.conv.{}", layers.len() + more));
            let mut project = convolution((block, &name, &norm), Pointwise, [hidden, outputs, 1], linear);
            if let Layer::Convolution(project) = &mut project {
                project.residual = stride == 1 && inputs == outputs;
            }
            network.layers.push(project);
            (inputs, block) = (outputs, block + 1);
        }
    }
    let last = scaled_channels(1280, width.max(1.0));
    network.layers.push(convolution((block, "features.18.0", "features.18.1"), Pointwise, [inputs, last, 1], relu6));
    network.layers.push(Layer::GlobalAveragePool);
    network
}

/// Returns stage and repeat, both from 0, of an inverted residual block. The stem is block 0, and the last convolution follows
/// the last block; both belong to no stage.
pub(super) fn stage_and_repeat(block: usize) -> Option<(usize, usize)> {
    let mut places =
        STAGES.iter().enumerate().flat_map(|(stage, (_, _, repeats, _))| (0..*repeats as usize).map(move |n| (stage, n)));
    places.nth(block.checked_sub(1)?)
}

fn convolution(
    (block, name, norm): (usize, &str, &str),
    kind: ConvolutionKind,
    [inputs, outputs, stride]: [u32; 3],
    activation: Activation,
) -> Layer {
    let (name, norm) = (name.to_string(), norm.to_string());
    Layer::Convolution(Convolution { name, norm, kind, inputs, outputs, stride, activation, block, residual: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::expected_tensors;
    use crate::nn::network::first_of_last_blocks;

    #[test]
    fn the_network_has_its_published_shape() {
        let network = mobilenet_v2(1.0, Padding::TensorflowSame, 1e-3);
        let layers: Vec<&Convolution> = network.convolutions().collect();
        assert_eq!(layers.len(), 52);
        let count: usize = expected_tensors(&network).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        // Keras counts 2,257,984 parameters without the top.
        assert_eq!(count, 2_257_984);
        assert_eq!(layers.iter().filter(|layer| layer.residual).count(), 10);
        assert_eq!((layers[0].outputs, network.outputs()), (32, 1280));
        assert_eq!(layers[4].name, "features.2.conv.1.0");
        assert_eq!(layers[5].norm, "features.2.conv.3");
    }

    #[test]
    fn widths_round_as_torchvision_does() {
        for (width, channels) in [(0.35, [16, 8, 8, 16, 24, 32, 56, 112]), (1.4, [48, 24, 32, 48, 88, 136, 224, 448])] {
            let found = [32, 16, 24, 32, 64, 96, 160, 320].map(|channels| scaled_channels(channels, width));
            assert_eq!(found, channels, "width {width}");
        }
    }

    #[test]
    fn the_last_blocks_start_at_a_block_boundary() {
        let network = mobilenet_v2(1.0, Padding::TensorflowSame, 1e-3);
        let layers: Vec<Convolution> = network.convolutions().cloned().collect();
        for (blocks, first) in [(0, 52), (1, 51), (2, 48), (18, 1), (19, 0), (40, 0)] {
            assert_eq!(first_of_last_blocks(&layers, blocks), first, "{blocks} blocks");
        }
    }
}

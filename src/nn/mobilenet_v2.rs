//! MobileNetV2 (Sandler et al., 2018): its layers, with batch norm folded into the convolutions at load time.

use super::activations::{Activations, dispatches};
use super::{Convolution, Expansion, ModelError};
use crate::ops::{Activation, GlobalAveragePool, Padding, padded_channels};
use crate::plan::{ALIGNMENT, Plan, Precision, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// Expansion, channels, repeats and first stride of each stage (table 2 of the paper).
const STAGES: [(u32, u32, u32, u32); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// The widths that ImageNet weights exist for.
pub const WIDTHS: [f32; 6] = [1.0, 0.75, 0.5, 0.35, 1.3, 1.4];

/// What a convolution connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvolutionKind {
    /// 3×3 over all input channels.
    Stem,
    /// 3×3, channel by channel.
    Depthwise,
    /// 1×1 over all input channels.
    Pointwise,
}

/// A convolution with its batch norm, by torchvision's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Prefix of the convolution's tensors: `features.1.conv.0.0`.
    pub convolution: String,
    /// Prefix of the batch norm's tensors: `features.1.conv.0.1`.
    pub norm: String,
    /// Stem, depthwise or pointwise.
    pub kind: ConvolutionKind,
    /// Input channels.
    pub inputs: u32,
    /// Output channels.
    pub outputs: u32,
    /// 1 or 2.
    pub stride: u32,
    /// Whether ReLU6 follows.
    pub relu6: bool,
    /// Position of the block: torchvision's `features[block]`.
    pub block: usize,
    /// Whether it ends a block whose input is added to its output.
    pub residual: bool,
}

/// Channels scaled by the width multiplier, rounded to a multiple of eight and never down by more than a tenth
/// (`_make_divisible` of TensorFlow and torchvision).
pub fn scaled_channels(channels: u32, width: f32) -> u32 {
    let wanted = channels as f32 * width;
    let rounded = (((wanted + 4.0) as u32) / 8 * 8).max(8);
    if (rounded as f32) < 0.9 * wanted { rounded + 8 } else { rounded }
}

/// The 52 convolutions of the network at a width multiplier, in order.
pub fn layers(width: f32) -> Vec<Layer> {
    let stem = scaled_channels(32, width);
    let mut layers = vec![layer((0, "features.0.0", "features.0.1"), ConvolutionKind::Stem, [3, stem, 2], true)];
    let (mut inputs, mut block) = (stem, 1);
    for (expansion, channels, repeats, first_stride) in STAGES {
        let outputs = scaled_channels(channels, width);
        for repeat in 0..repeats {
            let stride = if repeat == 0 { first_stride } else { 1 };
            let hidden = inputs * expansion;
            let mut part = 0;
            let mut names = |nested: bool| {
                let prefix = format!("features.{block}.conv.{part}");
                let names = if nested {
                    (format!("{prefix}.0"), format!("{prefix}.1"))
                } else {
                    (prefix, format!("features.{block}.conv.{}", part + 1))
                };
                part += 1;
                names
            };
            let mut push = |nested, kind, shape, relu6| {
                let (convolution, norm) = names(nested);
                layers.push(layer((block, &convolution, &norm), kind, shape, relu6));
            };
            if expansion > 1 {
                push(true, ConvolutionKind::Pointwise, [inputs, hidden, 1], true);
            }
            push(true, ConvolutionKind::Depthwise, [hidden, hidden, stride], true);
            push(false, ConvolutionKind::Pointwise, [hidden, outputs, 1], false);
            if let Some(last) = layers.last_mut() {
                last.residual = stride == 1 && inputs == outputs;
            }
            (inputs, block) = (outputs, block + 1);
        }
    }
    let last = scaled_channels(1280, width.max(1.0));
    layers.push(layer((block, "features.18.0", "features.18.1"), ConvolutionKind::Pointwise, [inputs, last, 1], true));
    layers
}

fn layer(
    (block, convolution, norm): (usize, &str, &str),
    kind: ConvolutionKind,
    [inputs, outputs, stride]: [u32; 3],
    relu6: bool,
) -> Layer {
    let (convolution, norm) = (convolution.to_string(), norm.to_string());
    Layer { convolution, norm, kind, inputs, outputs, stride, relu6, block, residual: false }
}

impl Layer {
    /// What follows it.
    pub fn activation(&self) -> Activation {
        if self.relu6 { Activation::Relu6 } else { Activation::None }
    }

    /// Channels that its result has room for.
    pub fn padded_outputs(&self) -> u32 {
        padded_channels(self.outputs)
    }

    /// Shape of the convolution's weight in torchvision's layout, OIHW (depthwise: C1HW).
    pub fn weight_shape(&self) -> Vec<usize> {
        let (inputs, outputs) = (self.inputs as usize, self.outputs as usize);
        match self.kind {
            ConvolutionKind::Stem => vec![outputs, inputs, 3, 3],
            ConvolutionKind::Depthwise => vec![outputs, 1, 3, 3],
            ConvolutionKind::Pointwise => vec![outputs, inputs, 1, 1],
        }
    }
}

/// Name and shape of every tensor of the backbone at a width, in torchvision's naming.
pub fn expected_tensors(width: f32) -> Vec<(String, Vec<usize>)> {
    let mut tensors = Vec::new();
    for layer in layers(width) {
        tensors.push((format!("{}.weight", layer.convolution), layer.weight_shape()));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            tensors.push((format!("{}.{part}", layer.norm), vec![layer.outputs as usize]));
        }
    }
    tensors
}

/// Gives a tensor's values by name and expected shape, checked.
pub type ReadTensor<'a> = dyn Fn(&str, &[usize]) -> Result<Vec<f32>, ModelError> + 'a;

/// Where a layer's folded weight and bias lie in the weight buffer, in elements.
#[derive(Debug, Clone, Copy)]
struct Folded {
    weight: (usize, usize),
    bias: (usize, usize),
}

/// The backbone with batch norm folded, ready to be planned.
#[derive(Debug, Clone)]
pub struct Backbone {
    layers: Vec<Layer>,
    /// As they run: the same, or fewer.
    pub(super) run: Vec<Layer>,
    /// Of each that runs.
    folded: Vec<Folded>,
    parameters: Vec<f32>,
    padding: Padding,
}

impl Backbone {
    /// Reads every layer through `tensor(name, shape)`, which checks what it returns, and folds batch norm:
    /// w·γ/√(σ² + ε) and β − μ·γ/√(σ² + ε), computed in f64.
    ///
    /// # Errors
    /// Whatever `tensor` reports.
    pub fn load(layers: Vec<Layer>, padding: Padding, epsilon: f32, tensor: &ReadTensor) -> Result<Backbone, ModelError> {
        let mut backbone = Backbone::of_none(layers, padding);
        for layer in backbone.layers.clone() {
            let weight = tensor(&format!("{}.weight", layer.convolution), &layer.weight_shape())?;
            let part = |name: &str| tensor(&format!("{}.{name}", layer.norm), &[layer.outputs as usize]);
            let [gamma, beta, mean, variance] = [part("weight")?, part("bias")?, part("running_mean")?, part("running_var")?];
            let scale: Vec<f64> = gamma
                .iter()
                .zip(&variance)
                .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + f64::from(epsilon)).sqrt())
                .collect();
            let mut bias: Vec<f32> =
                (0..beta.len()).map(|n| (f64::from(beta[n]) - f64::from(mean[n]) * scale[n]) as f32).collect();
            bias.resize(padded_channels(layer.outputs) as usize, 0.0);
            let weight = fold(&layer, &weight, &scale);
            backbone.push(layer, &weight, &bias);
        }
        Ok(backbone)
    }

    /// A backbone of which no layer runs yet.
    pub(super) fn of_none(layers: Vec<Layer>, padding: Padding) -> Backbone {
        Backbone { layers, run: Vec::new(), folded: Vec::new(), parameters: Vec::new(), padding }
    }

    /// Appends a layer to run, with its folded weight and bias as they are stored.
    pub(super) fn push(&mut self, layer: Layer, weight: &[f32], bias: &[f32]) {
        let folded = Folded { weight: self.append(weight), bias: self.append(bias) };
        self.folded.push(folded);
        self.run.push(layer);
    }

    /// Folded weight and bias of a layer that runs.
    pub(super) fn weight_and_bias(&self, layer: usize) -> (&[f32], &[f32]) {
        let values = |(start, length): (usize, usize)| &self.parameters[start..start + length];
        (values(self.folded[layer].weight), values(self.folded[layer].bias))
    }

    /// Appends at the next position that every adapter can bind: a multiple of 256 bytes.
    fn append(&mut self, values: &[f32]) -> (usize, usize) {
        let start = self.parameters.len().next_multiple_of(64);
        self.parameters.resize(start, 0.0);
        self.parameters.extend_from_slice(values);
        (start, values.len())
    }

    /// The folded parameters, to be written to the tensor that [`Backbone::plan_weights`] declares for 32-bit floats.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The folded parameters as [`Backbone::plan_weights`] has room for them: weights stored in `precision`, biases in 32 bits.
    pub fn stored_parameters(&self, precision: Precision) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (folded, places) in self.folded.iter().zip(self.places(precision)) {
            let parts = [(folded.weight, precision), (folded.bias, Precision::F32)];
            for (((start, length), precision), (offset, _)) in parts.into_iter().zip(places) {
                bytes.resize(offset as usize, 0);
                bytes.extend(precision.stored(&self.parameters[start..start + length]));
            }
        }
        bytes
    }

    /// The first layer with a folded weight that a precision cannot hold, and that weight.
    pub fn beyond(&self, precision: Precision) -> Option<(&Layer, f32)> {
        let too_large = |weight: &&f32| weight.abs() > precision.largest();
        let mut layers = self.run.iter().enumerate();
        layers.find_map(|(at, layer)| self.weight_and_bias(at).0.iter().find(too_large).map(|weight| (layer, *weight)))
    }

    /// Offset and size in bytes of each layer's weight and bias, each where every adapter can bind it.
    fn places(&self, precision: Precision) -> Vec<[(u64, u64); 2]> {
        let mut end = 0_u64;
        let mut place = |(_, length): (usize, usize), precision: Precision| {
            let (offset, bytes) = (end.next_multiple_of(ALIGNMENT), precision.bytes() * length as u64);
            end = offset + bytes;
            (offset, bytes)
        };
        self.folded.iter().map(|folded| [place(folded.weight, precision), place(folded.bias, Precision::F32)]).collect()
    }

    /// The convolutions in order, as files have them.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Where windows start.
    pub fn padding(&self) -> Padding {
        self.padding
    }

    /// Number of features.
    pub fn features(&self) -> u32 {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    /// A layer as it is to run.
    fn convolution<'a>(&self, layer: &'a Layer) -> Convolution<'a> {
        Convolution { layer, padding: self.padding, activation: layer.activation(), layout: WeightLayout::Panels }
    }

    /// Declares the tensor of all weights, stored in `precision`.
    pub fn plan_weights(&self, plan: &mut Plan, precision: Precision) -> View {
        let end = self.places(precision).last().map_or(0, |[_, (offset, bytes)]| offset + bytes);
        plan.persistent("backbone weights", end)
    }

    /// Appends the convolutions, on numbers that are stored in the profile's precision: \[batch, size, size, 4\] in, the last activations \[batch, size/32, size/32, features\] out.
    /// `watch` sees the output of each block with its position, and its channels without padding, for tests that look inside.
    pub fn plan_convolutions(
        &self,
        plan: &mut Plan,
        profile: &DeviceProfile,
        [batch, size]: [u32; 2],
        weights: View,
        input: View,
        watch: &mut dyn FnMut(usize, Activations, u32),
    ) -> Activations {
        let part = |(offset, bytes): (u64, u64)| View { offset, bytes, ..weights };
        let precision = profile.precision;
        let mut x = Activations { view: input, batch, extent: [size, size], channels: 4, precision };
        let (mut block, mut block_input, mut channels) = (0, x, 3);
        let mut layers = self.run.iter().zip(self.places(precision)).peekable();
        while let Some((layer, places)) = layers.next() {
            if layer.block != block {
                watch(block, x, channels);
                (block, block_input) = (layer.block, x);
            }
            let parameters = places.map(part);
            if let Some((next, places)) = layers.peek()
                && let Some(expansion) = Expansion::of(self.convolution(layer), self.convolution(next), profile, x)
            {
                let parameters = [parameters, places.map(part)];
                (x, channels) = (expansion.push(plan, profile, x, parameters), next.outputs);
                layers.next();
                continue;
            }
            let y = self.convolution(layer).result(plan, x);
            let residual = layer.residual.then_some(block_input);
            self.convolution(layer).push(plan, profile, x, parameters, residual, y);
            (x, channels) = (y, layer.outputs);
        }
        watch(block, x, channels);
        x
    }

    /// A plan of the backbone and nothing else; its weights, its input \[batch, size, size, 4\] and its features.
    pub fn plan_alone(&self, profile: &DeviceProfile, shape: [u32; 2]) -> (Plan, [View; 3]) {
        let [batch, size] = shape.map(u64::from);
        let mut plan = Plan::new("backbone");
        let weights = self.plan_weights(&mut plan, profile.precision);
        let input = plan.persistent("input", 4 * profile.precision.bytes() * batch * size * size);
        let features = self.plan_features(&mut plan, profile, shape, weights, input);
        (plan, [weights, input, features])
    }

    /// Appends the whole backbone with its global average pool: \[batch, size, size, 4\] in, \[batch, features\] out.
    pub fn plan_features(&self, plan: &mut Plan, profile: &DeviceProfile, shape: [u32; 2], weights: View, input: View) -> View {
        let x = self.plan_convolutions(plan, profile, shape, weights, input, &mut |_, _, _| ());
        let channels = padded_channels(self.features());
        let features = plan.persistent("features", 4 * u64::from(shape[0]) * u64::from(channels));
        plan_pool(plan, profile, x, features);
        features
    }
}

/// Appends the global average pool: \[batch, channels\] out.
pub fn plan_pool(plan: &mut Plan, profile: &DeviceProfile, x: Activations, features: View) {
    let (positions, channels) = (x.positions(), x.channels);
    let pooled = Activations { view: features, extent: [1, 1], precision: Precision::F32, ..x };
    for range in dispatches(profile.capabilities.binding_bytes, &[x, pooled]) {
        let pool = GlobalAveragePool { batch: range.end - range.start, positions, channels };
        plan.push(pool.step("global average pool", x.precision, x.images(&range), pooled.images(&range)));
    }
}

/// The weight scaled channel by channel, in the layout of its kernel: outputs last, channels padded to four, a pointwise layer's in
/// panels.
fn fold(layer: &Layer, weight: &[f32], scale: &[f64]) -> Vec<f32> {
    let taps = if layer.kind == ConvolutionKind::Pointwise { 1 } else { 9 };
    let inputs = if layer.kind == ConvolutionKind::Depthwise { 1 } else { layer.inputs as usize };
    let outputs = layer.outputs as usize;
    let padded_inputs = if layer.kind == ConvolutionKind::Depthwise { 1 } else { padded_channels(layer.inputs) as usize };
    let padded_outputs = padded_channels(layer.outputs) as usize;
    let mut folded = vec![0.0; taps * padded_inputs * padded_outputs];
    for output in 0..outputs {
        for input in 0..inputs {
            for tap in 0..taps {
                let value = f64::from(weight[(output * inputs + input) * taps + tap]) * scale[output];
                folded[(tap * padded_inputs + input) * padded_outputs + output] = value as f32;
            }
        }
    }
    let layout = if layer.kind == ConvolutionKind::Pointwise { WeightLayout::Panels } else { WeightLayout::Rows };
    layout.arranged(folded, padded_outputs as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_has_its_published_shape() {
        let layers = layers(1.0);
        assert_eq!(layers.len(), 52);
        let count: usize = expected_tensors(1.0).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        // Keras counts 2,257,984 parameters without the top.
        assert_eq!(count, 2_257_984);
        assert_eq!(layers.iter().filter(|layer| layer.residual).count(), 10);
        assert_eq!(layers[0].outputs, 32);
        assert_eq!(layers[4].convolution, "features.2.conv.1.0");
        assert_eq!(layers[5].norm, "features.2.conv.3");
    }

    #[test]
    fn widths_round_as_torchvision_does() {
        for (width, channels) in [(0.35, [16, 8, 8, 16, 24, 32, 56, 112]), (1.4, [48, 24, 32, 48, 88, 136, 224, 448])] {
            let found = [32, 16, 24, 32, 64, 96, 160, 320].map(|channels| scaled_channels(channels, width));
            assert_eq!(found, channels, "width {width}");
        }
    }
}

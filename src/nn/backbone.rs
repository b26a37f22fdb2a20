//! The convolutions of a network with batch norm folded into them, ready for inference.

use super::ModelError;
use super::lowering::{Activations, FoldedConvolution, Lowering, RunLayer};
use super::network::{Convolution, ConvolutionKind, Network};
use crate::ops::{Padding, padded_channels};
use crate::plan::{ALIGNMENT, Plan, Precision, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// Returns name and shape of every tensor of a network's convolutions, with torchvision's names.
pub fn expected_tensors(network: &Network) -> Vec<(String, Vec<usize>)> {
    let mut tensors = Vec::new();
    for layer in network.convolutions() {
        tensors.push((format!("{}.weight", layer.name), layer.weight_shape()));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            tensors.push((format!("{}.{part}", layer.norm), vec![layer.outputs as usize]));
        }
    }
    tensors
}

/// Reads a tensor by name and expected shape. The function must check that the values have this shape.
pub type ReadTensor<'a> = dyn Fn(&str, &[usize]) -> Result<Vec<f32>, ModelError> + 'a;

/// Positions of a layer's folded weight and bias in the parameters: first element and length.
#[derive(Debug, Clone, Copy)]
struct Folded {
    weight: (usize, usize),
    bias: (usize, usize),
}

/// A convolution that runs, with batch norm folded in, in torchvision's layout.
pub(super) struct ExportedConvolution<'a> {
    /// The description.
    pub convolution: &'a Convolution,
    /// The weight: OIHW, or C1HW for a depthwise convolution.
    pub weight: Vec<f32>,
    /// One bias for each output channel.
    pub bias: Vec<f32>,
}

/// Convolutions with their values, with batch norm folded into weights and biases.
#[derive(Debug, Clone)]
pub struct Backbone {
    /// The convolutions of the network's description.
    layers: Vec<Convolution>,
    /// The convolutions that run: the same, or fewer after composition.
    pub(super) run: Vec<Convolution>,
    /// The positions of the parameters of each convolution that runs.
    folded: Vec<Folded>,
    parameters: Vec<f32>,
    padding: Padding,
}

impl Backbone {
    /// Reads the first `count` convolutions of a network through `tensor` and folds their batch norm: the weight becomes
    /// w·γ/√(σ² + ε) and the bias β − μ·γ/√(σ² + ε), computed in f64.
    ///
    /// # Errors
    /// Returns the errors of `tensor`.
    pub fn load_first(network: &Network, count: usize, tensor: &ReadTensor) -> Result<Backbone, ModelError> {
        let mut backbone = Backbone::empty(network.convolutions().take(count).cloned().collect(), network.padding);
        for layer in backbone.layers.clone() {
            let weight = tensor(&format!("{}.weight", layer.name), &layer.weight_shape())?;
            let part = |name: &str| tensor(&format!("{}.{name}", layer.norm), &[layer.outputs as usize]);
            let [gamma, beta, mean, variance] = [part("weight")?, part("bias")?, part("running_mean")?, part("running_var")?];
            let scale: Vec<f64> = gamma
                .iter()
                .zip(&variance)
                .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + f64::from(network.epsilon)).sqrt())
                .collect();
            let mut bias: Vec<f32> =
                (0..beta.len()).map(|n| (f64::from(beta[n]) - f64::from(mean[n]) * scale[n]) as f32).collect();
            bias.resize(padded_channels(layer.outputs) as usize, 0.0);
            let weight = fold(&layer, &weight, &scale);
            backbone.push(layer, &weight, &bias);
        }
        Ok(backbone)
    }

    /// Reads all convolutions of a network and folds their batch norm, like [`Backbone::load_first`].
    ///
    /// # Errors
    /// Returns the errors of `tensor`.
    pub fn load(network: &Network, tensor: &ReadTensor) -> Result<Backbone, ModelError> {
        Backbone::load_first(network, network.convolutions().count(), tensor)
    }

    /// Returns a backbone with this description but without any layers to run.
    pub(super) fn empty(layers: Vec<Convolution>, padding: Padding) -> Backbone {
        Backbone { layers, run: Vec::new(), folded: Vec::new(), parameters: Vec::new(), padding }
    }

    /// Appends a layer to run, with its folded weight and bias in the layout of kernels.
    pub(super) fn push(&mut self, layer: Convolution, weight: &[f32], bias: &[f32]) {
        let folded = Folded { weight: self.append(weight), bias: self.append(bias) };
        self.folded.push(folded);
        self.run.push(layer);
    }

    /// Returns the folded weight and bias of layer `layer` of those that run.
    pub(super) fn weight_and_bias(&self, layer: usize) -> (&[f32], &[f32]) {
        let values = |(start, length): (usize, usize)| &self.parameters[start..start + length];
        (values(self.folded[layer].weight), values(self.folded[layer].bias))
    }

    /// Appends values at the next multiple of 256 bytes, which every adapter can bind. Returns their position and length.
    fn append(&mut self, values: &[f32]) -> (usize, usize) {
        let start = self.parameters.len().next_multiple_of(64);
        self.parameters.resize(start, 0.0);
        self.parameters.extend_from_slice(values);
        (start, values.len())
    }

    /// Returns the folded parameters as 32-bit floats, for the tensor that [`Backbone::plan_weights`] declares.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Returns the folded parameters for the tensor that [`Backbone::plan_weights`] declares: weights stored at `precision`,
    /// biases as 32-bit floats.
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

    /// Returns the first layer with a folded weight that is too large for `precision`, and that weight.
    pub fn weight_too_large_for(&self, precision: Precision) -> Option<(&Convolution, f32)> {
        let too_large = |weight: &&f32| weight.abs() > precision.largest();
        let mut layers = self.run.iter().enumerate();
        layers.find_map(|(at, layer)| self.weight_and_bias(at).0.iter().find(too_large).map(|weight| (layer, *weight)))
    }

    /// Returns offset and size in bytes of each layer's weight and bias. Offsets are multiples of [`ALIGNMENT`].
    fn places(&self, precision: Precision) -> Vec<[(u64, u64); 2]> {
        let mut end = 0_u64;
        let mut place = |(_, length): (usize, usize), precision: Precision| {
            let (offset, bytes) = (end.next_multiple_of(ALIGNMENT), precision.bytes() * length as u64);
            end = offset + bytes;
            (offset, bytes)
        };
        self.folded.iter().map(|folded| [place(folded.weight, precision), place(folded.bias, Precision::F32)]).collect()
    }

    /// Returns the convolutions that run, in order and in the layout of other programs.
    pub(super) fn exported(&self) -> impl Iterator<Item = ExportedConvolution<'_>> {
        self.run.iter().enumerate().map(|(at, convolution)| {
            let (weight, bias) = self.weight_and_bias(at);
            let bias = bias[..convolution.outputs as usize].to_vec();
            ExportedConvolution { convolution, weight: unfold(convolution, weight), bias }
        })
    }

    /// Returns the convolutions in order, as the network describes them.
    pub fn layers(&self) -> &[Convolution] {
        &self.layers
    }

    /// Returns the padding of the convolutions.
    pub fn padding(&self) -> Padding {
        self.padding
    }

    /// Returns the number of features.
    pub fn features(&self) -> u32 {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    /// Declares the tensor of all weights, stored at `precision`.
    pub fn plan_weights(&self, plan: &mut Plan, precision: Precision) -> View {
        let end = self.places(precision).last().map_or(0, |[_, (offset, bytes)]| offset + bytes);
        plan.persistent("backbone weights", end)
    }

    /// Returns the layers in the form that lowering takes, with parameters in `weights`, stored at `precision`.
    pub fn run_layers(&self, weights: View, precision: Precision) -> Vec<RunLayer<'_>> {
        let part = |(offset, bytes): (u64, u64)| View { offset: weights.offset + offset, bytes, ..weights };
        let layers = self.run.iter().zip(self.places(precision));
        layers.map(|(layer, places)| RunLayer::Folded(FoldedConvolution { layer, parameters: places.map(part) })).collect()
    }

    /// Appends the convolutions, at the profile's precision. `shape` is \[batch, size\] and the input \[batch, size, size, 4\].
    /// Returns the last activations, for MobileNetV2 \[batch, size / 32, size / 32, features\]. `watch` is called with the index
    /// of each block, its output, and the number of channels without padding.
    pub fn plan_convolutions(
        &self,
        plan: &mut Plan,
        profile: &DeviceProfile,
        shape: [u32; 2],
        weights: View,
        input: View,
        watch: &mut dyn FnMut(usize, Activations, u32),
    ) -> Activations {
        self.lower(plan, profile, shape, weights, input, (&[], None), watch)
    }

    /// Appends the convolutions and the global average pool. `shape` is \[batch, size\] and the input \[batch, size, size, 4\].
    /// Returns the features \[batch, padded features\], a persistent tensor of 32-bit floats.
    pub fn plan_features(&self, plan: &mut Plan, profile: &DeviceProfile, shape: [u32; 2], weights: View, input: View) -> View {
        let features = plan.persistent("features", 4 * u64::from(shape[0]) * u64::from(padded_channels(self.features())));
        self.lower(plan, profile, shape, weights, input, (&[RunLayer::Pool], Some(features)), &mut |_, _, _| ());
        features
    }

    /// Appends the convolutions and the layers that follow them. The last layer writes to `result`, if given.
    #[expect(clippy::too_many_arguments, reason = "callers choose each of them independently")]
    pub(super) fn lower(
        &self,
        plan: &mut Plan,
        profile: &DeviceProfile,
        [batch, size]: [u32; 2],
        weights: View,
        input: View,
        (following, result): (&[RunLayer], Option<View>),
        watch: &mut dyn FnMut(usize, Activations, u32),
    ) -> Activations {
        let precision = profile.precision;
        let input = Activations { view: input, batch, extent: [size, size], channels: 4, precision };
        let mut lowering = Lowering::new(plan, profile, self.padding);
        let mut run = self.run_layers(weights, precision);
        run.extend_from_slice(following);
        let run = lowering.fuse(run, input);
        lowering.forward(&run, input, result, watch)
    }

    /// Returns a plan of the backbone alone, and the views of its weights, its input \[batch, size, size, 4\] and its features.
    /// `shape` is \[batch, size\].
    pub fn plan_alone(&self, profile: &DeviceProfile, shape: [u32; 2]) -> (Plan, [View; 3]) {
        let [batch, size] = shape.map(u64::from);
        let mut plan = Plan::new("backbone");
        let weights = self.plan_weights(&mut plan, profile.precision);
        let input = plan.persistent("input", 4 * profile.precision.bytes() * batch * size * size);
        let features = self.plan_features(&mut plan, profile, shape, weights, input);
        (plan, [weights, input, features])
    }
}

/// Scales a weight per output channel and converts it to the layout of kernels: \[taps, inputs, outputs\] with channels padded to
/// multiples of four, and panels for pointwise convolutions.
pub(super) fn fold(layer: &Convolution, weight: &[f32], scale: &[f64]) -> Vec<f32> {
    let [taps, inputs] = [layer.taps(), layer.inputs_per_output()].map(|count| count as usize);
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

/// Returns a folded weight in torchvision's layout. This reverses the layout of [`fold`].
fn unfold(layer: &Convolution, folded: &[f32]) -> Vec<f32> {
    let [taps, inputs, outputs] = [layer.taps(), layer.inputs_per_output(), layer.outputs].map(|count| count as usize);
    let is_depthwise = layer.kind == ConvolutionKind::Depthwise;
    let padded_inputs = if is_depthwise { 1 } else { padded_channels(layer.inputs) as usize };
    let padded_outputs = padded_channels(layer.outputs) as usize;
    let layout = if layer.kind == ConvolutionKind::Pointwise { WeightLayout::Panels } else { WeightLayout::Rows };
    let mut weight = Vec::with_capacity(outputs * inputs * taps);
    for output in 0..outputs {
        for input in 0..inputs {
            for tap in 0..taps {
                weight.push(folded[layout.index([taps * padded_inputs, padded_outputs], tap * padded_inputs + input, output)]);
            }
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::mobilenet_v2::mobilenet_v2;

    #[test]
    fn exported_weights_are_those_that_were_read_where_batch_norm_scales_by_one() {
        let made_up = |name: &str, shape: &[usize]| -> Vec<f32> {
            let count: usize = shape.iter().product();
            (0..count).map(|at| ((at * 37 + name.len() * 11) % 1009) as f32 / 1009.0 - 0.5).collect()
        };
        let read = |name: &str, shape: &[usize]| {
            Ok(match name.rsplit('.').next() {
                Some("running_mean") => vec![0.0; shape.iter().product()],
                Some("running_var") => vec![1.0; shape.iter().product()],
                _ if shape.len() == 1 && name.ends_with("weight") => vec![1.0; shape[0]],
                _ => made_up(name, shape),
            })
        };
        // Widths whose channels are no multiples of the panels of weights.
        for width in [1.0, 0.35] {
            let backbone = Backbone::load(&mobilenet_v2(width, Padding::Symmetric, 0.0), &read).expect("made-up weights");
            for layer in backbone.exported() {
                let (name, shape) = (&layer.convolution.name, layer.convolution.weight_shape());
                assert_eq!(layer.weight, made_up(&format!("{name}.weight"), &shape), "{name}");
                assert_eq!(layer.bias, made_up(&format!("{}.bias", layer.convolution.norm), &shape[..1]), "{name}");
            }
        }
    }
}

//! A convolution of the backbone in a plan: the kernel that its kind asks for, in as many dispatches as the batch needs.

use super::activations::{Activations, dispatches};
use super::mobilenet_v2::{ConvolutionKind, Layer};
use crate::ops::{Activation, Depthwise, Padding, Pointwise, Stem};
use crate::plan::{Plan, View, WeightLayout};
use crate::profiles::DeviceProfile;

/// A layer of the backbone as it is to run.
#[derive(Debug, Clone, Copy)]
pub struct Convolution<'a> {
    /// Which layer.
    pub layer: &'a Layer,
    /// Where its window starts.
    pub padding: Padding,
    /// What is applied to its result.
    pub activation: Activation,
    /// Order of a pointwise layer's weights.
    pub layout: WeightLayout,
}

impl Convolution<'_> {
    /// A transient tensor for the result.
    pub fn result(self, plan: &mut Plan, x: Activations) -> Activations {
        let extent = x.extent.map(|size| size.div_ceil(self.layer.stride));
        Activations::transient(plan, &self.layer.convolution, x.precision, x.batch, extent, self.layer.outputs)
    }

    /// The layer as a first layer with `images` images.
    pub fn stem(self, x: Activations, y: Activations, images: u32) -> Stem {
        let Convolution { layer, padding, activation, .. } = self;
        let rgb = layer.inputs == 3;
        Stem {
            batch: images,
            size: x.extent,
            inputs: x.channels,
            rgb,
            outputs: y.channels,
            stride: layer.stride,
            padding,
            activation,
        }
    }

    /// The layer as a depthwise one on `images` images.
    pub fn depthwise(self, x: Activations, images: u32) -> Depthwise {
        let Convolution { layer, padding, activation, .. } = self;
        Depthwise { batch: images, size: x.extent, channels: x.channels, stride: layer.stride, padding, activation }
    }

    /// Appends the layer: `parameters` are weight and bias in the kernel's layout; `residual` is added by a pointwise layer.
    pub fn push(
        self,
        plan: &mut Plan,
        profile: &DeviceProfile,
        x: Activations,
        parameters: [View; 2],
        residual: Option<Activations>,
        y: Activations,
    ) {
        let mut tensors = vec![x, y];
        tensors.extend(residual);
        let label = &self.layer.convolution;
        for range in dispatches(profile.capabilities.binding_bytes, &tensors) {
            let images = range.end - range.start;
            let operands = [x.images(&range), parameters[0], parameters[1]];
            let result = y.images(&range);
            let step = match self.layer.kind {
                ConvolutionKind::Stem => {
                    let layer = self.stem(x, y, images);
                    layer.step(label, layer.choice(profile), profile.capabilities.subgroup_size, operands, result)
                }
                ConvolutionKind::Depthwise => {
                    let layer = self.depthwise(x, images);
                    layer.step(label, layer.choice(profile), operands, result)
                }
                ConvolutionKind::Pointwise => {
                    let (rows, inputs, outputs) = (images * x.positions(), x.channels, y.channels);
                    let layer = Pointwise { rows, inputs, outputs, layout: self.layout, activation: self.activation };
                    let residual = residual.map(|residual| residual.images(&range));
                    layer.step(label, layer.choice(profile), profile.capabilities.subgroup_size, operands, residual, result)
                }
            };
            plan.push(step);
        }
    }
}

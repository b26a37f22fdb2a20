//! e = activation(x · w_expand + bias_expand), and y is the depthwise convolution of e. The values of e stay in f64

use crate::ops::ExpandDepthwise;

use super::depthwise::depthwise;
use super::pointwise::pointwise;
use super::widen;

/// Returns the result of both layers. The arrays are x, then weight and bias of the pointwise layer, then those of the depthwise
/// layer.
pub fn expand_depthwise(shape: ExpandDepthwise, [x, w_expand, bias_expand, w, bias]: [&[f32]; 5]) -> Vec<f64> {
    let ExpandDepthwise { inputs, depthwise: layer } = shape;
    let (inputs, channels) = (inputs as usize, layer.channels as usize);
    let expanded = pointwise([x.len() / inputs, inputs, channels], layer.activation, [x, w_expand, bias_expand], None);
    depthwise(layer, [&expanded, &widen(w), &widen(bias)])
}

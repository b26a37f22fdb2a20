//! e = activation(x · w_expand + bias_expand), and y is the depthwise convolution of e, which stays in f64

use crate::ops::ExpandDepthwise;

use super::depthwise::depthwise;
use super::pointwise::pointwise;

/// Returns the result of both layers; the arrays are x, then weight and bias of both layers.
pub fn expand_depthwise(shape: ExpandDepthwise, [x, w_expand, bias_expand, w, bias]: [&[f32]; 5]) -> Vec<f64> {
    let ExpandDepthwise { inputs, depthwise: layer } = shape;
    let (inputs, channels) = (inputs as usize, layer.channels as usize);
    let expanded = pointwise([x.len() / inputs, inputs, channels], layer.activation, [x, w_expand, bias_expand], None);
    let [w, bias] = [w, bias].map(|values| values.iter().copied().map(f64::from).collect::<Vec<_>>());
    depthwise(layer, [&expanded, &w, &bias])
}

//! e = activation(x · w_expand + bias_expand), and y the depthwise convolution of e, in f64 between the two as well

use crate::ops::ExpandDepthwise;

use super::depthwise::depthwise;
use super::pointwise::pointwise;

/// Both layers; x, then weight and bias of either.
pub fn expand_depthwise(shape: ExpandDepthwise, [x, w_expand, bias_expand, w, bias]: [&[f32]; 5]) -> Vec<f64> {
    let ExpandDepthwise { inputs, depthwise: layer } = shape;
    let (inputs, channels) = (inputs as usize, layer.channels as usize);
    let expanded = pointwise([x.len() / inputs, inputs, channels], layer.activation, [x, w_expand, bias_expand], None);
    let [w, bias] = [w, bias].map(|values| values.iter().copied().map(f64::from).collect::<Vec<_>>());
    depthwise(layer, [&expanded, &w, &bias])
}

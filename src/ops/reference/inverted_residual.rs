//! e = activation(x · w_expand + bias_expand), d is the depthwise convolution of e, and y = d · w_project + bias_project, plus x if
//! the block is residual. The values of e and d stay in f64

use crate::ops::{ExpandDepthwise, InvertedResidual};

use super::expand_depthwise::expand_depthwise;

/// Returns the result of the block. The arrays are x, then weight and bias of the expansion, of the depthwise layer and of the
/// projection.
pub fn inverted_residual(shape: InvertedResidual, arrays: [&[f32]; 7]) -> Vec<f64> {
    let InvertedResidual { inputs, depthwise, outputs, residual } = shape;
    let [x, w_expand, bias_expand, w, bias, w_project, bias_project] = arrays;
    let d = expand_depthwise(ExpandDepthwise { inputs, depthwise }, [x, w_expand, bias_expand, w, bias]);
    let (channels, outputs) = (depthwise.channels as usize, outputs as usize);
    let mut y = Vec::with_capacity(d.len() / channels * outputs);
    for (pixel, d) in d.chunks(channels).enumerate() {
        for n in 0..outputs {
            let sum: f64 = d.iter().enumerate().map(|(c, d)| d * f64::from(w_project[c * outputs + n])).sum();
            let shortcut = if residual { f64::from(x[pixel * outputs + n]) } else { 0.0 };
            y.push(sum + f64::from(bias_project[n]) + shortcut);
        }
    }
    y
}

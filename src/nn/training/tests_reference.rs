//! A reference for lowering: the loss of a network, computed in plain f64 loops.

use super::*;
use crate::nn::network::{ConvolutionKind, Layer};
use crate::ops::reference::batch_norm::batch_norm;
use crate::ops::reference::batch_norm_statistics::batch_norm_statistics;
use crate::ops::reference::{depthwise::depthwise, global_average_pool::global_average_pool, stem::stem};
use crate::ops::{Activation, Depthwise, GlobalAveragePool, Stem, padded_channels};

/// Returns x · w \[rows, outputs\] for x \[rows, inputs\] and w \[inputs, outputs\].
fn product(x: &[f64], w: &[f64], [inputs, outputs]: [usize; 2]) -> Vec<f64> {
    let row = |row: &[f64]| (0..outputs).map(|n| (0..inputs).map(|k| row[k] * w[k * outputs + n]).sum()).collect::<Vec<f64>>();
    x.chunks(inputs).flat_map(row).collect()
}

/// Normalises x \[rows, channels\] with its own mean and variance. `affine` holds gamma, then beta.
fn normalised(x: &[f64], affine: &[f64], epsilon: f32) -> Vec<f64> {
    let channels = affine.len() / 2;
    let (mean, variance) = batch_norm_statistics(channels, x);
    batch_norm(epsilon.into(), x, [&mean, &variance], [&affine[..channels], &affine[channels..]])
}

/// Returns the mean squared error of the network on `input` \[batch, size, size, 4\], for weights in the layout of the table.
/// Numbers of channels must be multiples of four, except those of the input and the labels. Dropout is ignored.
pub fn mean_squared_error(
    shape: &NetworkShape,
    table: &ParameterTable,
    weights: &[f64],
    [input, labels]: [&[f64]; 2],
    batch: u32,
) -> f64 {
    let (padding, activation) = (shape.network.padding, Activation::None);
    let (mut size, mut channels, mut x) = ([shape.size; 2], 4, input.to_vec());
    let (mut block, mut block_input) = (None, Vec::new());
    for (layer, slots) in shape.network.layers.iter().zip(&table.layers) {
        match layer {
            Layer::Convolution(layer) => {
                if block != Some(layer.block) {
                    (block, block_input) = (Some(layer.block), x.clone());
                }
                let (w, outputs, stride) = (slots.kernel().of(weights), layer.outputs, layer.stride);
                let zeros = vec![0.0; outputs as usize];
                let inputs = channels;
                let raw = match layer.kind {
                    ConvolutionKind::Stem => {
                        let rgb = layer.inputs == 3;
                        stem(Stem { batch, size, inputs, rgb, outputs, stride, padding, activation }, [&x, w, &zeros])
                    }
                    ConvolutionKind::Depthwise => {
                        depthwise(Depthwise { batch, size, channels, stride, padding, activation }, [&x, w, &zeros])
                    }
                    ConvolutionKind::Pointwise => product(&x, w, [inputs, outputs].map(|count| count as usize)),
                };
                x = normalised(&raw, slots.affine().of(weights), shape.network.epsilon);
                x.iter_mut().for_each(|value| *value = layer.activation.value(*value));
                if layer.residual {
                    x.iter_mut().zip(&block_input).for_each(|(value, shortcut)| *value += shortcut);
                }
                (size, channels) = (size.map(|side| side.div_ceil(stride)), outputs);
            }
            Layer::GlobalAveragePool => {
                x = global_average_pool(GlobalAveragePool { batch, positions: size[0] * size[1], channels }, &x);
            }
            Layer::Dense(layer) => {
                let shape = [layer.inputs, layer.outputs].map(|count| padded_channels(count) as usize);
                x = product(&x, slots.kernel().of(weights), shape);
                let bias = slots.bias().of(weights).iter().cycle();
                x.iter_mut().zip(bias).for_each(|(value, bias)| *value = layer.activation.value(*value + bias));
            }
            Layer::BatchNorm(layer) => x = normalised(&x, slots.affine().of(weights), layer.epsilon),
            Layer::Dropout { .. } => {}
        }
    }
    let attributes = shape.network.outputs() as usize;
    let padded = padded_channels(attributes as u32) as usize;
    let rows = x.chunks(padded).zip(labels.chunks(padded));
    let errors = rows.flat_map(|(x, y)| x[..attributes].iter().zip(&y[..attributes]).map(|(p, y)| (p - y).powi(2)));
    errors.sum::<f64>() / (batch as usize * attributes) as f64
}

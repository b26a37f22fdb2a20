//! The data for checking candidates: smaller shapes, inputs for them, and the results of the f64 references.

use crate::ops::reference::widen;
use crate::ops::{Activation, candidates, reference};
use crate::plan::{RowParts, WeightLayout};
use crate::profiles::OperationShape;

/// Maximum number of rows of a checked matrix product. It is not a multiple of any tile size.
const MAX_ROWS: u32 = 517;
/// Maximum number of rows of a checked weight gradient, whose reference is slower.
const MAX_SUMMED_ROWS: u32 = 131;
/// Maximum height and width of a checked image. Neither this number nor the one below it is a multiple of 4 or 7, so that tiles
/// are cut at the edges.
const MAX_SIZE: u32 = 27;

/// Returns a shape of the same operation that is small enough for f64 loops.
///
/// Channels and stride stay the same, and even sizes stay even. So a variant that supports the larger shape also supports the
/// smaller one.
pub fn reduced(shape: OperationShape) -> OperationShape {
    let smaller = |size: [u32; 2]| size.map(|size| if size > MAX_SIZE { MAX_SIZE - 1 + size % 2 } else { size });
    match shape {
        OperationShape::Stem { batch, size, inputs, rgb, outputs, stride } => {
            OperationShape::Stem { batch: batch.min(2), size: smaller(size), inputs, rgb, outputs, stride }
        }
        OperationShape::Depthwise { batch, size, channels, stride } => {
            OperationShape::Depthwise { batch: batch.min(2), size: smaller(size), channels, stride }
        }
        OperationShape::ExpandDepthwise { batch, size, inputs, channels, stride } => {
            OperationShape::ExpandDepthwise { batch: batch.min(2), size: smaller(size), inputs, channels, stride }
        }
        OperationShape::InvertedResidual { batch, size, inputs, channels, outputs, stride } => {
            let (batch, size) = (batch.min(2), smaller(size));
            OperationShape::InvertedResidual { batch, size, inputs, channels, outputs, stride }
        }
        OperationShape::DepthwiseBackwardInput { batch, size, channels, stride } => {
            OperationShape::DepthwiseBackwardInput { batch: batch.min(2), size: smaller(size), channels, stride }
        }
        OperationShape::Pointwise { rows, inputs, outputs, layout } => {
            OperationShape::Pointwise { rows: rows.min(MAX_ROWS), inputs, outputs, layout }
        }
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            let rows = rows.min(MAX_SUMMED_ROWS);
            OperationShape::DenseBackwardWeight { rows, rows_a_part: rows_a_part.min(rows.div_ceil(2)).max(1), inputs, outputs }
        }
    }
}

/// The sizes of an operation's tensors.
pub struct TensorSizes {
    /// Number of elements of each input, in the order of the kernel's bindings.
    pub inputs: Vec<usize>,
    /// Number of elements of the output.
    pub output: usize,
}

/// Returns the sizes of an operation's tensors.
pub fn tensor_sizes(shape: OperationShape) -> TensorSizes {
    let area = |[height, width]: [u32; 2]| height as usize * width as usize;
    match shape {
        OperationShape::Stem { batch, inputs, outputs, .. } => {
            let layer = candidates::stem_of(shape);
            let (batch, inputs, outputs) = (batch as usize, inputs as usize, outputs as usize);
            TensorSizes {
                inputs: vec![batch * area(layer.size) * inputs, 9 * inputs * outputs, outputs],
                output: batch * area(layer.out_size()) * outputs,
            }
        }
        OperationShape::Depthwise { batch, channels, .. } => {
            let (layer, batch, channels) = (candidates::depthwise_of(shape), batch as usize, channels as usize);
            TensorSizes {
                inputs: vec![batch * area(layer.size) * channels, 9 * channels, channels],
                output: batch * area(layer.out_size()) * channels,
            }
        }
        OperationShape::ExpandDepthwise { batch, inputs, channels, .. } => {
            let layer = candidates::expand_depthwise_of(shape).depthwise;
            let [batch, inputs, channels] = [batch, inputs, channels].map(|size| size as usize);
            TensorSizes {
                inputs: vec![batch * area(layer.size) * inputs, inputs * channels, channels, 9 * channels, channels],
                output: batch * area(layer.out_size()) * channels,
            }
        }
        OperationShape::InvertedResidual { outputs, .. } => {
            let block = candidates::inverted_residual_of(shape);
            let TensorSizes { mut inputs, output } = tensor_sizes(candidates::expansion_of(block));
            let (channels, outputs) = (block.depthwise.channels as usize, outputs as usize);
            inputs.extend([channels * outputs, outputs]);
            TensorSizes { inputs, output: output / channels * outputs }
        }
        OperationShape::DepthwiseBackwardInput { batch, channels, .. } => {
            let (layer, batch, channels) = (candidates::depthwise_of(shape), batch as usize, channels as usize);
            TensorSizes {
                inputs: vec![batch * area(layer.out_size()) * channels, 9 * channels],
                output: batch * area(layer.size) * channels,
            }
        }
        OperationShape::Pointwise { rows, inputs, outputs, .. } => {
            let [rows, inputs, outputs] = [rows, inputs, outputs].map(|size| size as usize);
            TensorSizes { inputs: vec![rows * inputs, inputs * outputs, outputs], output: rows * outputs }
        }
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            let parts = RowParts { rows, rows_a_part }.count() as usize;
            let [rows, inputs, outputs] = [rows, inputs, outputs].map(|size| size as usize);
            TensorSizes { inputs: vec![rows * inputs, rows * outputs], output: parts * inputs * outputs }
        }
    }
}

/// Returns generated inputs, with the weights in row-major order.
pub fn test_inputs(shape: OperationShape) -> Vec<Vec<f32>> {
    let mut inputs: Vec<Vec<f32>> = tensor_sizes(shape).inputs.iter().zip(0..).map(|(count, at)| random(at, *count)).collect();
    if let OperationShape::Stem { rgb: true, .. } = shape {
        inputs[0].iter_mut().skip(3).step_by(4).for_each(|value| *value = 0.0);
    }
    inputs
}

/// Returns inputs as the kernels read them: the weights of matrix products are brought into their layout.
pub fn in_layout(shape: OperationShape, mut inputs: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let panels = WeightLayout::Panels;
    let weights = match shape {
        OperationShape::Pointwise { outputs, layout, .. } => vec![(1, layout, outputs)],
        OperationShape::ExpandDepthwise { channels, .. } => vec![(1, panels, channels)],
        OperationShape::InvertedResidual { channels, outputs, .. } => vec![(1, panels, channels), (5, panels, outputs)],
        _ => Vec::new(),
    };
    for (at, layout, columns) in weights {
        inputs[at] = layout.arranged(std::mem::take(&mut inputs[at]), columns);
    }
    inputs
}

/// Returns pseudo-random numbers of both signs.
fn random(stream: u32, count: usize) -> Vec<f32> {
    let number = |at: usize| {
        let mixed = (at as u32).wrapping_mul(0x9e37_79b1).wrapping_add(stream.wrapping_mul(0x85eb_ca6b));
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d);
        (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(number).collect()
}

/// Returns the expected output for inputs whose weights are in row-major order.
pub fn expected(shape: OperationShape, inputs: &[Vec<f32>]) -> Vec<f64> {
    match shape {
        OperationShape::Stem { .. } => reference::stem::stem(candidates::stem_of(shape), [&inputs[0], &inputs[1], &inputs[2]]),
        OperationShape::Depthwise { .. } => {
            reference::depthwise::depthwise(candidates::depthwise_of(shape), [&inputs[0], &inputs[1], &inputs[2]])
        }
        OperationShape::ExpandDepthwise { batch, size, inputs: k, channels, .. } => {
            let sizes = [batch * size[0] * size[1], k, channels].map(|size| size as usize);
            let expanded = reference::pointwise::pointwise(sizes, Activation::None, [&inputs[0], &inputs[1], &inputs[2]], None);
            let [w, bias] = [3, 4].map(|at: usize| widen(&inputs[at]));
            reference::depthwise::depthwise(candidates::expand_depthwise_of(shape).depthwise, [&expanded, &w, &bias])
        }
        OperationShape::InvertedResidual { .. } => {
            let arrays = [0, 1, 2, 3, 4, 5, 6].map(|at: usize| inputs[at].as_slice());
            reference::inverted_residual::inverted_residual(candidates::inverted_residual_of(shape), arrays)
        }
        OperationShape::DepthwiseBackwardInput { .. } => {
            let [gy, w] = [0, 1].map(|at: usize| widen(&inputs[at]));
            reference::depthwise_backward_input::depthwise_backward_input(candidates::depthwise_of(shape), &gy, &w)
        }
        OperationShape::Pointwise { rows, inputs: k, outputs, .. } => {
            let sizes = [rows, k, outputs].map(|size| size as usize);
            reference::pointwise::pointwise(sizes, Activation::None, [&inputs[0], &inputs[1], &inputs[2]], None)
        }
        OperationShape::DenseBackwardWeight { rows_a_part, inputs: k, outputs, .. } => {
            let [rows, k, n] = [rows_a_part, k, outputs].map(|size| size as usize);
            let [x, gy] = [0, 1].map(|at: usize| widen(&inputs[at]));
            let parts = x.chunks(rows * k).zip(gy.chunks(rows * n));
            let gradient =
                |(x, gy): (&[f64], &[f64])| reference::dense_backward_weight::dense_backward_weight([gy.len() / n, k, n], x, gy);
            parts.flat_map(gradient).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Choice, EXPAND_DEPTHWISE, INVERTED_RESIDUAL, identity, shipped};

    #[test]
    fn a_candidate_of_a_shape_is_a_candidate_of_the_reduced_shape() {
        for profile in shipped::profiles() {
            for shape in shipped::shapes() {
                // Where layers run as separate dispatches, the variant of the last follows the size of the image; each suits both
                // shapes.
                let is_compared = |choice: &Choice| match shape {
                    OperationShape::ExpandDepthwise { .. } => choice.0.is(&EXPAND_DEPTHWISE),
                    OperationShape::InvertedResidual { .. } => choice.0.is(&INVERTED_RESIDUAL),
                    _ => true,
                };
                let names = |shape| -> Vec<_> {
                    candidates::candidates(shape, &profile).into_iter().filter(is_compared).map(identity).collect()
                };
                assert_eq!(names(shape), names(reduced(shape)), "{shape} on {:?}", profile.capabilities);
            }
        }
    }

    #[test]
    fn sizes_are_reduced_to_small_ones_of_the_same_parity() {
        for (size, expected) in [(224, 26), (29, 27), (28, 26), (27, 27), (26, 26), (7, 7)] {
            let shape = |size| OperationShape::Depthwise { batch: 1, size: [size, size], channels: 8, stride: 1 };
            assert_eq!(reduced(shape(size)), shape(expected), "{size}");
        }
    }
}

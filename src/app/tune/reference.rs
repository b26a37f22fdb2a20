//! The f64 references that variants must agree with before they are timed, and inputs for them.

use crate::ops::{Activation, DenseBackwardWeight, Depthwise, candidates, reference};
use crate::plan::{RowParts, WeightLayout};
use crate::profiles::OperationShape;

/// Rows of a check: no multiple of any tile.
const CHECKED_ROWS: u32 = 517;
/// Height and width of a check, at most.
const CHECKED_SIZE: u32 = 29;

/// A site small enough for f64 loops that has the same channels, stride and kind.
pub fn reduced(site: OperationShape) -> OperationShape {
    let smaller = |size: [u32; 2]| size.map(|size| size.min(CHECKED_SIZE));
    match site {
        OperationShape::Stem { batch, size, inputs, rgb, outputs, stride } => {
            OperationShape::Stem { batch: batch.min(2), size: smaller(size), inputs, rgb, outputs, stride }
        }
        OperationShape::Depthwise { batch, size, channels, stride } => {
            OperationShape::Depthwise { batch: batch.min(2), size: smaller(size), channels, stride }
        }
        OperationShape::ExpandDepthwise { batch, size, inputs, channels, stride } => {
            OperationShape::ExpandDepthwise { batch: batch.min(2), size: smaller(size), inputs, channels, stride }
        }
        OperationShape::DepthwiseBackwardInput { batch, size, channels, stride } => {
            OperationShape::DepthwiseBackwardInput { batch: batch.min(2), size: smaller(size), channels, stride }
        }
        OperationShape::Pointwise { rows, inputs, outputs, layout } => {
            OperationShape::Pointwise { rows: rows.min(CHECKED_ROWS), inputs, outputs, layout }
        }
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            let rows = rows.min(CHECKED_ROWS);
            OperationShape::DenseBackwardWeight { rows, rows_a_part: rows_a_part.min(rows.div_ceil(2)).max(1), inputs, outputs }
        }
    }
}

/// What a site binds: its inputs, and the number of elements of its output.
pub struct Operands {
    /// Elements of each input in the order of the kernel's bindings, weights row by row.
    pub inputs: Vec<usize>,
    /// Elements of the output.
    pub output: usize,
}

/// Sizes of what a site binds.
pub fn operands(site: OperationShape) -> Operands {
    let area = |[height, width]: [u32; 2]| height as usize * width as usize;
    match site {
        OperationShape::Stem { batch, inputs, outputs, .. } => {
            let layer = candidates::stem_of(site);
            let (batch, inputs, outputs) = (batch as usize, inputs as usize, outputs as usize);
            Operands {
                inputs: vec![batch * area(layer.size) * inputs, 9 * inputs * outputs, outputs],
                output: batch * area(layer.out_size()) * outputs,
            }
        }
        OperationShape::Depthwise { batch, channels, .. } => {
            let (layer, batch, channels) = (candidates::depthwise_of(site), batch as usize, channels as usize);
            Operands {
                inputs: vec![batch * area(layer.size) * channels, 9 * channels, channels],
                output: batch * area(layer.out_size()) * channels,
            }
        }
        OperationShape::ExpandDepthwise { batch, inputs, channels, .. } => {
            let layer = candidates::expand_depthwise_of(site).depthwise;
            let [batch, inputs, channels] = [batch, inputs, channels].map(|size| size as usize);
            Operands {
                inputs: vec![batch * area(layer.size) * inputs, inputs * channels, channels, 9 * channels, channels],
                output: batch * area(layer.out_size()) * channels,
            }
        }
        OperationShape::DepthwiseBackwardInput { batch, channels, .. } => {
            let (layer, batch, channels) = (candidates::depthwise_of(site), batch as usize, channels as usize);
            Operands {
                inputs: vec![batch * area(layer.out_size()) * channels, 9 * channels],
                output: batch * area(layer.size) * channels,
            }
        }
        OperationShape::Pointwise { rows, inputs, outputs, .. } => {
            let [rows, inputs, outputs] = [rows, inputs, outputs].map(|size| size as usize);
            Operands { inputs: vec![rows * inputs, inputs * outputs, outputs], output: rows * outputs }
        }
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs, outputs } => {
            let parts = RowParts { rows, rows_a_part }.count() as usize;
            let [rows, inputs, outputs] = [rows, inputs, outputs].map(|size| size as usize);
            Operands { inputs: vec![rows * inputs, rows * outputs], output: parts * inputs * outputs }
        }
    }
}

/// What a site's inputs are filled with, weights row by row.
pub fn fillings(site: OperationShape) -> Vec<Vec<f32>> {
    let mut inputs: Vec<Vec<f32>> = operands(site).inputs.iter().zip(0..).map(|(count, at)| filling(at, *count)).collect();
    if let OperationShape::Stem { rgb: true, .. } = site {
        inputs[0].iter_mut().skip(3).step_by(4).for_each(|value| *value = 0.0);
    }
    inputs
}

/// A site's inputs as its kernels find them: weights of a matrix product, its second input, in their order.
pub fn bound(site: OperationShape, mut inputs: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let weights = match site {
        OperationShape::Pointwise { outputs, layout, .. } => Some((layout, outputs)),
        OperationShape::ExpandDepthwise { channels, .. } => Some((WeightLayout::Panels, channels)),
        _ => None,
    };
    if let Some((layout, columns)) = weights {
        inputs[1] = layout.arranged(std::mem::take(&mut inputs[1]), columns);
    }
    inputs
}

/// Numbers of both signs that look random.
fn filling(stream: u32, count: usize) -> Vec<f32> {
    let number = |at: usize| {
        let mixed = (at as u32).wrapping_mul(0x9e37_79b1).wrapping_add(stream.wrapping_mul(0x85eb_ca6b));
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d);
        (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(number).collect()
}

/// What a site's output must be.
pub fn expected(site: OperationShape, inputs: &[Vec<f32>]) -> Vec<f64> {
    match site {
        OperationShape::Stem { .. } => reference::stem::stem(candidates::stem_of(site), [&inputs[0], &inputs[1], &inputs[2]]),
        OperationShape::Depthwise { .. } => {
            reference::depthwise::depthwise(candidates::depthwise_of(site), [&inputs[0], &inputs[1], &inputs[2]])
        }
        OperationShape::ExpandDepthwise { batch, size, inputs: k, channels, .. } => {
            let sizes = [batch * size[0] * size[1], k, channels].map(|size| size as usize);
            let expanded = reference::pointwise::pointwise(sizes, Activation::None, [&inputs[0], &inputs[1], &inputs[2]], None);
            let [w, bias] = [3, 4].map(|at: usize| inputs[at].iter().copied().map(f64::from).collect::<Vec<_>>());
            reference::depthwise::depthwise(candidates::expand_depthwise_of(site).depthwise, [&expanded, &w, &bias])
        }
        OperationShape::DepthwiseBackwardInput { .. } => {
            depthwise_backward_input(candidates::depthwise_of(site), &inputs[0], &inputs[1])
        }
        OperationShape::Pointwise { rows, inputs: k, outputs, .. } => {
            let sizes = [rows, k, outputs].map(|size| size as usize);
            reference::pointwise::pointwise(sizes, Activation::None, [&inputs[0], &inputs[1], &inputs[2]], None)
        }
        OperationShape::DenseBackwardWeight { rows, rows_a_part, inputs: k, outputs } => dense_backward_weight(
            DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs: k, outputs },
            &inputs[0],
            &inputs[1],
        ),
    }
}

/// dx\[b, i·s + u − top, j·s + v − left, c\] += gy\[b, i, j, c\] · w\[u, v, c\], wherever that is inside the image.
fn depthwise_backward_input(layer: Depthwise, gy: &[f32], w: &[f32]) -> Vec<f64> {
    let [height, width] = layer.size.map(|size| size as usize);
    let [out_height, out_width] = layer.out_size().map(|size| size as usize);
    let [top, left] = layer.size.map(|size| layer.padding.before(size, layer.stride) as usize);
    let (channels, stride) = (layer.channels as usize, layer.stride as usize);
    let mut dx = vec![0.0; layer.batch as usize * height * width * channels];
    for (at, gy) in gy.iter().enumerate() {
        let (channel, place) = (at % channels, at / channels);
        let (j, i, image) = (place % out_width, place / out_width % out_height, place / out_width / out_height);
        for (u, v) in (0..9).map(|tap| (tap / 3, tap % 3)) {
            let (row, column) = ((i * stride + u).wrapping_sub(top), (j * stride + v).wrapping_sub(left));
            if row < height && column < width {
                dx[((image * height + row) * width + column) * channels + channel] +=
                    f64::from(*gy) * f64::from(w[(u * 3 + v) * channels + channel]);
            }
        }
    }
    dx
}

/// dw\[part, k, n\] = Σ_m x\[m, k\] · gy\[m, n\] over the rows of the part.
fn dense_backward_weight(layer: DenseBackwardWeight, x: &[f32], gy: &[f32]) -> Vec<f64> {
    let (inputs, outputs, rows) = (layer.inputs as usize, layer.outputs as usize, layer.rows.rows_a_part as usize);
    let parts = x.chunks(rows * inputs).zip(gy.chunks(rows * outputs));
    let of_part = |(x, gy): (&[f32], &[f32])| -> Vec<f64> {
        let mut dw = vec![0.0; inputs * outputs];
        for (x, gy) in x.chunks_exact(inputs).zip(gy.chunks_exact(outputs)) {
            for (line, x) in dw.chunks_exact_mut(outputs).zip(x) {
                line.iter_mut().zip(gy).for_each(|(sum, gy)| *sum += f64::from(*x) * f64::from(*gy));
            }
        }
        dw
    };
    parts.flat_map(of_part).collect()
}

//! Cases of whole inverted residuals in one kernel, at both strides, with both paddings, with and without the addition of the
//! input.

use lineament::ops::{Activation, Choice, Depthwise, InvertedResidual, Padding, inverted_residual_variants};
use lineament::plan::{Precision, WeightLayout};

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::inverted_residual::inverted_residual;
use lineament::ops::reference::random::values;

/// (batch, height, width, inputs, channels, outputs, activation): one pixel, primes, and tiles ± 1 pixel. There are as many inputs
/// and outputs as a variant can take, and fewer; slices of hidden channels that end before, at and behind the last channel; and
/// several panels of weights. Where inputs and outputs are equally many, the block is residual at stride 1.
const TESTS: &[(u32, u32, u32, u32, u32, u32, Activation)] = &[
    (1, 1, 1, 4, 4, 4, Activation::None),
    (2, 2, 3, 8, 40, 8, Activation::Relu6),
    (1, 5, 8, 16, 20, 24, Activation::Relu),
    (2, 7, 15, 24, 36, 24, Activation::Relu6),
    (1, 13, 11, 12, 44, 28, Activation::Sigmoid),
    (2, 14, 16, 32, 72, 32, Activation::Relu6),
    (1, 12, 28, 28, 12, 36, Activation::Relu),
    (1, 15, 13, 32, 24, 72, Activation::Relu6),
    (1, 9, 17, 32, 36, 28, Activation::Relu6),
    (1, 8, 29, 20, 8, 20, Activation::None),
];

/// (size, inputs, channels, outputs, stride): the model's blocks at 224 × 224, with batch 8.
const BENCHMARKS: &[(u32, u32, u32, u32, u32)] =
    &[(112, 32, 96, 24, 2), (56, 24, 144, 24, 1), (56, 24, 144, 32, 2), (28, 32, 192, 32, 1), (28, 32, 192, 64, 2)];

pub fn cases(context: Context) -> Vec<Case> {
    let mut shapes = Vec::new();
    match context.purpose {
        Purpose::Test => {
            for &(batch, height, width, inputs, channels, outputs, activation) in TESTS {
                for padding in [Padding::TensorflowSame, Padding::Symmetric] {
                    let size = [height, width];
                    shapes.extend([1, 2].map(|stride| InvertedResidual {
                        inputs,
                        depthwise: Depthwise { batch, size, channels, stride, padding, activation },
                        outputs,
                        residual: stride == 1 && inputs == outputs,
                    }));
                }
            }
        }
        Purpose::Benchmark => shapes.extend(BENCHMARKS.iter().map(|&(size, inputs, channels, outputs, stride)| {
            let (padding, activation) = (Padding::TensorflowSame, Activation::Relu6);
            let depthwise = Depthwise { batch: 8, size: [size, size], channels, stride, padding, activation };
            InvertedResidual { inputs, depthwise, outputs, residual: stride == 1 }
        })),
    }
    let fitting = |choice: Choice| {
        let shapes = shapes.iter().filter(|shape| shape.suits(choice.1));
        shapes.flat_map(|shape| with_folded(*shape, choice, context)).collect::<Vec<_>>()
    };
    let variants = [Precision::F32, Precision::F16].into_iter().flat_map(inverted_residual_variants);
    variants.filter(|(_, variant)| context.runs(variant)).flat_map(fitting).collect()
}

/// Returns a case, and the same case with its grid folded for the shape that has several tiles in every variant.
fn with_folded(shape: InvertedResidual, choice: Choice, context: Context) -> Vec<Case> {
    let mut cases = vec![case(shape, choice, context.purpose)];
    if context.purpose == Purpose::Test && shape.depthwise.size == [8, 29] {
        cases.extend(case(shape, choice, context.purpose).folded());
    }
    cases
}

fn case(shape: InvertedResidual, choice: Choice, purpose: Purpose) -> Case {
    let InvertedResidual { inputs, depthwise: layer, outputs, residual } = shape;
    let Depthwise { batch, size: [height, width], channels, padding, activation, .. } = layer;
    let shortcut = if residual { ", residual" } else { "" };
    let name = format!("{batch}x{height}x{width}x{inputs} by {channels} to {outputs} {padding:?} {activation:?}{shortcut}");
    let mut case = Case::new(choice.0.name, choice.1.name, name, purpose);
    let [out_height, out_width] = layer.out_size();
    let precision = choice.1.precision();
    let scaled = |tensor: u64, count: u32, scale: f32| -> Vec<f32> {
        precision.rounded(&values(17, tensor, count as usize).iter().map(|value| scale * value).collect::<Vec<_>>())
    };
    let x = scaled(0, batch * height * width * inputs, 1.0);
    let [w_expand, w] = [(1, inputs * channels), (2, 9 * channels)].map(|(tensor, count)| scaled(tensor, count, 1.0));
    // Small enough for the sums to stay below 32.
    let w_project = scaled(3, channels * outputs, 0.25);
    // Large enough for ReLU6 to clip at both ends, and for the expansion of a zero pixel to differ from the zeros outside the
    // image.
    let [bias_expand, bias] =
        [4, 5].map(|tensor| values(17, tensor, channels as usize).iter().map(|value| 6.0 * value).collect::<Vec<_>>());
    let bias_project = values(17, 6, outputs as usize);
    let panels = |w: &[f32], columns| WeightLayout::Panels.arranged(w.to_vec(), columns);
    let views = [
        case.stored("x", precision, &x),
        case.stored("w_expand", precision, &panels(&w_expand, channels)),
        case.input("bias_expand", &bias_expand),
        case.stored("w", precision, &w),
        case.input("bias", &bias),
        case.stored("w_project", precision, &panels(&w_project, outputs)),
        case.input("bias_project", &bias_project),
    ];
    let elements = (batch * out_height * out_width * outputs) as usize;
    let expected = move || inverted_residual(shape, [&x, &w_expand, &bias_expand, &w, &bias, &w_project, &bias_project]);
    let y = case.output("y", elements, Bounds::stored(precision, 2e-5), Box::new(expected));
    let label = case.name.clone();
    case.plan.push(shape.step(&label, choice, views, y));
    case
}

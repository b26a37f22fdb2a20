//! Cases of depthwise 3×3 convolution at both strides, with both paddings, in every variant of both kernels.

use lineament::ops::{Activation, Choice, DEPTHWISE, Depthwise, Padding, depthwise_variants};
use lineament::plan::Precision;

use super::layer_input::normalised;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{depthwise::depthwise, widen};

/// (batch, height, width, channels, activation): one pixel, primes, strips of three, four, seven and eight pixels across and one more
/// and one less at both strides, and several strips.
const TESTS: &[(u32, u32, u32, u32, Activation)] = &[
    (1, 1, 1, 4, Activation::None),
    (2, 2, 3, 8, Activation::None),
    (1, 3, 5, 20, Activation::Relu),
    (1, 5, 8, 12, Activation::None),
    (3, 7, 7, 4, Activation::Relu6),
    (1, 9, 15, 16, Activation::None),
    (1, 13, 11, 28, Activation::Relu6),
    (2, 14, 16, 32, Activation::None),
    (1, 59, 9, 4, Activation::None),
    (1, 31, 17, 24, Activation::None),
    // At stride 2, the 15 rows of each of two images are two strips of eight rows.
    (2, 30, 9, 8, Activation::None),
];

/// (size, channels, stride): the model's layers at 224 × 224, with batch 8.
const BENCHMARKS: &[(u32, u32, u32)] = &[
    (112, 32, 1),
    (112, 96, 2),
    (56, 144, 1),
    (56, 144, 2),
    (28, 192, 1),
    (28, 192, 2),
    (14, 384, 1),
    (14, 576, 2),
    (7, 960, 1),
];

pub fn cases(context: Context) -> Vec<Case> {
    let mut shapes = Vec::new();
    match context.purpose {
        Purpose::Test => {
            for &(batch, height, width, channels, activation) in TESTS {
                for padding in [Padding::TensorflowSame, Padding::Symmetric] {
                    let size = [height, width];
                    shapes.extend([1, 2].map(|stride| Depthwise { batch, size, channels, stride, padding, activation }));
                }
            }
        }
        Purpose::Benchmark => shapes.extend(BENCHMARKS.iter().map(|&(size, channels, stride)| Depthwise {
            batch: 8,
            size: [size, size],
            channels,
            stride,
            padding: Padding::TensorflowSame,
            activation: Activation::Relu6,
        })),
    }
    let fitting = |choice: Choice| {
        let shapes = shapes.iter().filter(|shape| shape.suits(choice.1));
        shapes.map(move |shape| (choice, *shape)).collect::<Vec<_>>()
    };
    let variants = [Precision::F32, Precision::F16].into_iter().flat_map(depthwise_variants);
    variants
        .filter(|(_, variant)| context.runs(variant))
        .flat_map(fitting)
        .map(|(choice, shape)| case(shape, choice, context.purpose))
        .collect()
}

fn case(shape: Depthwise, choice: Choice, purpose: Purpose) -> Case {
    let Depthwise { batch, size: [height, width], channels, padding, activation, .. } = shape;
    let name = format!("{batch}x{height}x{width}x{channels} {padding:?} {activation:?}");
    let mut case = Case::new(choice.0.name, choice.1.name, name, purpose);
    let [out_height, out_width] = shape.out_size();
    let precision = choice.1.precision();
    let x = precision.rounded(&values(2, 0, (batch * height * width * channels) as usize));
    let w = precision.rounded(&values(2, 1, 9 * channels as usize));
    // Large enough for ReLU6 to clip at both ends.
    let bias: Vec<f32> = values(2, 2, channels as usize).iter().map(|value| 6.0 * value).collect();
    let views = [case.stored("x", precision, &x), case.stored("w", precision, &w), case.input("bias", &bias)];
    // The input of some shapes is raw and is normalised while it is loaded.
    let is_raw = purpose == Purpose::Test && activation == Activation::None && height % 2 == 1 && channels > 4;
    let (input, x) = normalised(&mut case, (views[0], &x), channels, is_raw);
    let outputs = (batch * out_height * out_width * channels) as usize;
    let expected = move || depthwise(shape, [&x, &widen(&w), &widen(&bias)]);
    let y = case.output("y", outputs, Bounds::stored(precision, 1e-5), Box::new(expected));
    let weights = [views[1], views[2]];
    // These images are so small that a GPU would compute them in strips of two rows. In longer strips, sums stay from one round of
    // the loop to the next.
    let step = if purpose == Purpose::Test && choice.0.is(&DEPTHWISE) && !is_raw {
        shape.step_in_strips(choice.0.name, choice, input, weights, y, 5 + channels % 3)
    } else {
        shape.step_on(choice.0.name, choice, input, weights, y)
    };
    case.plan.push(step);
    case
}

//! Cases of dense 3×3 convolution at both strides, with both paddings.

use lineament::ops::{Activation, Choice, Padding, Stem, stem_variants};
use lineament::plan::Precision;

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::stem::stem;

/// (batch, height, width, inputs, outputs, activation): one pixel, primes, a tile of 4 pixels × 32 outputs ± 1 pixel or quad,
/// more pixels and outputs than a subgroup holds, and even widths with one pair of pixels, with one strip of 7 or 8 pixels at
/// stride 2, and with several strips.
const TESTS: &[(u32, u32, u32, u32, u32, Activation)] = &[
    (1, 1, 1, 4, 4, Activation::None),
    (2, 2, 3, 4, 12, Activation::None),
    (1, 5, 7, 8, 8, Activation::Relu),
    (1, 9, 9, 4, 20, Activation::Relu6),
    (2, 13, 17, 8, 16, Activation::None),
    (1, 16, 15, 4, 32, Activation::Sigmoid),
    (3, 23, 21, 4, 68, Activation::Relu6),
    (1, 1, 1, 4, 8, Activation::None),
    (2, 19, 11, 4, 40, Activation::Relu6),
    (1, 3, 2, 4, 8, Activation::None),
    (3, 5, 14, 4, 16, Activation::Relu6),
    (2, 6, 16, 4, 72, Activation::None),
    (2, 9, 46, 4, 32, Activation::Relu6),
];

pub fn cases(context: Context) -> Vec<Case> {
    let mut shapes = Vec::new();
    match context.purpose {
        Purpose::Test => {
            for &(batch, height, width, inputs, outputs, activation) in TESTS {
                for (stride, padding) in [1, 2]
                    .into_iter()
                    .flat_map(|stride| [Padding::TensorflowSame, Padding::Symmetric].map(|padding| (stride, padding)))
                {
                    let rgb = inputs == 4 && height > 2;
                    shapes.push(Stem { batch, size: [height, width], inputs, rgb, outputs, stride, padding, activation });
                }
            }
        }
        // The first layer of the network, and the same layer at stride 1 on a quarter of the pixels.
        Purpose::Benchmark => shapes.extend([(224, 2), (112, 1)].map(|(size, stride)| Stem {
            batch: 8,
            size: [size, size],
            inputs: 4,
            rgb: true,
            outputs: 32,
            stride,
            padding: Padding::TensorflowSame,
            activation: Activation::Relu6,
        })),
    }
    let variants = [Precision::F32, Precision::F16].into_iter().flat_map(stem_variants);
    let runs = variants.filter(|(_, variant)| context.runs(variant));
    let suiting = |choice: Choice| shapes.iter().filter(move |shape| shape.suits(choice.1)).map(move |shape| (*shape, choice));
    runs.flat_map(suiting).map(|(shape, choice)| case(shape, choice, context)).collect()
}

fn case(shape: Stem, (kernel, variant): Choice, context: Context) -> Case {
    let Stem { batch, size: [height, width], inputs, rgb, outputs, stride, padding, activation } = shape;
    let name = format!("{batch}x{height}x{width}x{inputs} to {outputs} stride {stride} {padding:?} {activation:?}");
    let mut case = Case::new(kernel.name, variant.name, name, context.purpose);
    let [out_height, out_width] = shape.out_size();
    let precision = variant.precision();
    let mut x = precision.rounded(&values(3, 0, (batch * height * width * inputs) as usize));
    if rgb {
        x.iter_mut().skip(3).step_by(4).for_each(|value| *value = 0.0);
    }
    let w = precision.rounded(&values(3, 1, (9 * inputs * outputs) as usize));
    let bias: Vec<f32> = values(3, 2, outputs as usize).iter().map(|value| 6.0 * value).collect();
    let views = [case.stored("x", precision, &x), case.stored("w", precision, &w), case.input("bias", &bias)];
    let elements = (batch * out_height * out_width * outputs) as usize;
    let expected = move || stem(shape, [&x, &w, &bias]);
    let y = case.output("y", elements, Bounds::stored(precision, 2e-5), Box::new(expected));
    case.plan.push(shape.step(kernel.name, (kernel, variant), context.capabilities.subgroup_size, views, y));
    case
}

//! Cases of expansion and depthwise convolution in one kernel, at both strides, with both paddings.

use lineament::ops::{Activation, Depthwise, EXPAND_DEPTHWISE, ExpandDepthwise, Padding};
use lineament::plan::{Variant, WeightLayout};

use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::expand_depthwise::expand_depthwise;
use lineament::ops::reference::random::values;

/// (batch, height, width, inputs, channels, activation): one pixel, primes, strips ± 1 column and several strips of rows. There
/// are as many inputs as a variant can take, and fewer; several blocks of channels, a last block that is not full, and a single
/// block. Inputs and channels are multiples of eight.
const TESTS: &[(u32, u32, u32, u32, u32, Activation)] = &[
    (1, 1, 1, 8, 8, Activation::None),
    (2, 2, 3, 8, 40, Activation::Relu6),
    (1, 5, 8, 16, 24, Activation::Relu),
    (3, 7, 7, 16, 96, Activation::Relu6),
    (1, 13, 11, 24, 32, Activation::None),
    (2, 14, 16, 32, 72, Activation::Relu6),
    (2, 59, 9, 24, 40, Activation::Relu6),
    (1, 30, 16, 8, 72, Activation::None),
];

/// (size, inputs, channels, stride): the model's first blocks at 224 × 224, with batch 8.
const BENCHMARKS: &[(u32, u32, u32, u32)] =
    &[(112, 16, 96, 2), (56, 24, 144, 1), (56, 24, 144, 2), (28, 32, 192, 1), (28, 32, 192, 2)];

pub fn cases(context: Context) -> Vec<Case> {
    let mut shapes = Vec::new();
    match context.purpose {
        Purpose::Test => {
            for &(batch, height, width, inputs, channels, activation) in TESTS {
                for padding in [Padding::TensorflowSame, Padding::Symmetric] {
                    let size = [height, width];
                    let layer = |stride| Depthwise { batch, size, channels, stride, padding, activation };
                    shapes.extend([1, 2].map(|stride| ExpandDepthwise { inputs, depthwise: layer(stride) }));
                }
            }
        }
        Purpose::Benchmark => shapes.extend(BENCHMARKS.iter().map(|&(size, inputs, channels, stride)| {
            let (padding, activation) = (Padding::TensorflowSame, Activation::Relu6);
            let depthwise = Depthwise { batch: 8, size: [size, size], channels, stride, padding, activation };
            ExpandDepthwise { inputs, depthwise }
        })),
    }
    let fitting = |variant: &'static Variant| {
        let shapes = shapes.iter().filter(|shape| shape.suits(variant));
        shapes.map(|shape| case(*shape, variant, context)).collect::<Vec<_>>()
    };
    EXPAND_DEPTHWISE.variants.iter().filter(|variant| context.runs(variant)).flat_map(fitting).collect()
}

fn case(shape: ExpandDepthwise, variant: &'static Variant, context: Context) -> Case {
    let ExpandDepthwise { inputs, depthwise: layer } = shape;
    let Depthwise { batch, size: [height, width], channels, padding, activation, .. } = layer;
    let name = format!("{batch}x{height}x{width}x{inputs} · {inputs}x{channels} {padding:?} {activation:?}");
    let mut case = Case::new(EXPAND_DEPTHWISE.name, variant.name, name, context.purpose);
    let [out_height, out_width] = layer.out_size();
    let x = values(12, 0, (batch * height * width * inputs) as usize);
    let w_expand = values(12, 1, (inputs * channels) as usize);
    // Large enough for ReLU6 to clip at both ends, and for the expansion of a zero pixel to differ from the zeros outside the
    // image.
    let [bias_expand, bias] =
        [2, 3].map(|tensor| values(12, tensor, channels as usize).iter().map(|value| 6.0 * value).collect::<Vec<_>>());
    let w = values(12, 4, 9 * channels as usize);
    let views = [
        case.input("x", &x),
        case.input("w_expand", &WeightLayout::Panels.arranged(w_expand.clone(), channels)),
        case.input("bias_expand", &bias_expand),
        case.input("w", &w),
        case.input("bias", &bias),
    ];
    let outputs = (batch * out_height * out_width * channels) as usize;
    let expected = move || expand_depthwise(shape, [&x, &w_expand, &bias_expand, &w, &bias]);
    let y = case.output("y", outputs, Bounds::float(1e-11, 2e-5), Box::new(expected));
    let label = case.name.clone();
    case.plan.push(shape.step(&label, (&EXPAND_DEPTHWISE, variant), context.capabilities.subgroup_size, views, y));
    case
}

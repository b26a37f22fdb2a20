//! Cases of the input gradient of a depthwise convolution, at both strides, with both paddings, in every variant.

use lineament::ops::{Activation, DEPTHWISE_BACKWARD_INPUT, Depthwise, DepthwiseBackwardInput, Padding};
use lineament::plan::Variant;

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{depthwise_backward_input::depthwise_backward_input, widen};

/// (batch, height, width, channels): one pixel, primes, and strips of two and four blocks across and one more and one less.
const TESTS: &[(u32, u32, u32, u32)] =
    &[(1, 1, 1, 4), (2, 2, 3, 8), (1, 3, 5, 20), (1, 5, 8, 12), (3, 7, 7, 4), (1, 9, 15, 16), (1, 13, 11, 28), (2, 14, 16, 32)];

/// (size, channels, stride): layers of the model at 224 × 224, with batch 8.
const BENCHMARKS: &[(u32, u32, u32)] =
    &[(112, 32, 1), (112, 96, 2), (56, 144, 1), (56, 144, 2), (28, 192, 1), (14, 384, 1), (14, 576, 2), (7, 960, 1)];

/// Returns the layers of the test shapes, at both strides and with both paddings.
pub fn test_layers() -> Vec<Depthwise> {
    let paddings = [Padding::TensorflowSame, Padding::Symmetric];
    let options = || [1, 2].into_iter().flat_map(|stride| paddings.map(|padding| (stride, padding)));
    let layer = |&(batch, height, width, channels): &(u32, u32, u32, u32)| {
        let size = [height, width];
        let activation = Activation::None;
        options().map(move |(stride, padding)| Depthwise { batch, size, channels, stride, padding, activation })
    };
    TESTS.iter().flat_map(layer).collect()
}

/// Returns the layers of the benchmarks.
pub fn benchmark_layers() -> Vec<Depthwise> {
    let (padding, activation) = (Padding::TensorflowSame, Activation::None);
    let layer = |&(size, channels, stride): &(u32, u32, u32)| Depthwise {
        batch: 8,
        size: [size, size],
        channels,
        stride,
        padding,
        activation,
    };
    BENCHMARKS.iter().map(layer).collect()
}

pub fn cases(context: Context) -> Vec<Case> {
    let fitting = |layers: Vec<Depthwise>| -> Vec<(Depthwise, &'static Variant)> {
        let variants = |layer| DepthwiseBackwardInput { layer }.variants().map(move |variant| (layer, variant));
        layers.into_iter().flat_map(variants).collect()
    };
    by_shape(context, &fitting(test_layers()), &fitting(benchmark_layers()), case)
}

fn case((layer, variant): (Depthwise, &'static Variant), purpose: Purpose) -> Case {
    let Depthwise { batch, size: [height, width], channels, padding, .. } = layer;
    let name = format!("{batch}x{height}x{width}x{channels} {padding:?}");
    let mut case = Case::new(DEPTHWISE_BACKWARD_INPUT.name, variant.name, name, purpose);
    let outputs = layer.out_size().iter().product::<u32>() * batch * channels;
    let (gy, w) = (values(24, 0, outputs as usize), values(24, 1, 9 * channels as usize));
    let views = (case.input("gy", &gy), case.input("w", &w));
    let expected = move || depthwise_backward_input(layer, &widen(&gy), &widen(&w));
    let elements = (batch * height * width * channels) as usize;
    let dx = case.output("dx", elements, Bounds::float(1e-12, 1e-5), Box::new(expected));
    let gradient = DepthwiseBackwardInput { layer };
    // These images are so small that a GPU would compute them in strips of two rows. In longer strips, sums stay from one round of
    // the loop to the next.
    case.plan.push(if purpose == Purpose::Test && channels > 8 {
        gradient.step_in_strips("dx", variant, [views.0, views.1], dx, 5 + channels % 3)
    } else {
        gradient.step("dx", variant, views.0, views.1, dx)
    });
    case
}

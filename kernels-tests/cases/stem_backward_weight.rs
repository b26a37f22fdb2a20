//! Cases of the weight gradient of the first layer, at both strides, with both paddings, in one part and in several.

use lineament::ops::{Activation, Padding, STEM_BACKWARD_WEIGHT, Stem, StemBackwardWeight};
use lineament::plan::Capabilities;
use lineament::profiles::DeviceProfile;

use super::{by_shape, splits};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{stem_backward_weight::stem_backward_weight, widen};

/// (batch, height, width, inputs, outputs): one pixel, primes, odd and even sizes.
const TESTS: &[(u32, u32, u32, u32, u32)] =
    &[(1, 1, 1, 4, 4), (2, 2, 3, 4, 12), (1, 5, 7, 8, 8), (1, 9, 9, 4, 20), (2, 13, 17, 8, 16), (1, 16, 15, 4, 32)];

/// Returns the layers of the test shapes, at both strides and with both paddings. Those with four inputs and more than three
/// pixels in a row are RGB.
pub fn test_layers() -> Vec<Stem> {
    let paddings = [Padding::TensorflowSame, Padding::Symmetric];
    let options = || [1, 2].into_iter().flat_map(|stride| paddings.map(|padding| (stride, padding)));
    let layer = |&(batch, height, width, inputs, outputs): &(u32, u32, u32, u32, u32)| {
        let (size, activation) = ([height, width], Activation::None);
        options().map(move |(stride, padding)| Stem {
            batch,
            size,
            inputs,
            rgb: inputs == 4 && width > 3,
            outputs,
            stride,
            padding,
            activation,
        })
    };
    TESTS.iter().flat_map(layer).collect()
}

/// Returns the network's first layer, the same layer at stride 1 on a quarter of the pixels, and one of four channels.
pub fn benchmark_layers() -> [Stem; 3] {
    let (padding, activation) = (Padding::TensorflowSame, Activation::None);
    [(224, 2, true), (112, 1, true), (112, 2, false)].map(|(size, stride, rgb)| Stem {
        batch: 8,
        size: [size, size],
        inputs: 4,
        rgb,
        outputs: 32,
        stride,
        padding,
        activation,
    })
}

pub fn cases(context: Context) -> Vec<Case> {
    let in_parts = |layer: Stem| {
        let rows = layer.batch * layer.out_size()[0];
        splits(rows).into_iter().map(move |rows| StemBackwardWeight { layer, rows })
    };
    let tests: Vec<StemBackwardWeight> = test_layers().into_iter().flat_map(in_parts).collect();
    let profile = DeviceProfile::new(Capabilities::webgpu(true, context.capabilities.subgroup_size));
    let benchmarks =
        benchmark_layers().map(|layer| StemBackwardWeight { layer, rows: StemBackwardWeight::parts(&profile, layer) });
    by_shape(context, &tests, &benchmarks, case)
}

fn case(shape: StemBackwardWeight, purpose: Purpose) -> Case {
    let Stem { batch, size: [height, width], inputs, outputs, padding, .. } = shape.layer;
    let kind = if shape.layer.rgb { "rgb " } else { "" };
    let name = format!("{kind}{batch}x{height}x{width}x{inputs} to {outputs} {padding:?} by {}", shape.rows.rows_a_part);
    let mut case = Case::new(STEM_BACKWARD_WEIGHT.name, shape.variant().name, name, purpose);
    let mut x = values(25, 0, (batch * height * width * inputs) as usize);
    if shape.layer.rgb {
        x.iter_mut().skip(3).step_by(4).for_each(|value| *value = 0.0);
    }
    let gy = values(25, 1, (shape.layer.out_size().iter().product::<u32>() * batch * outputs) as usize);
    let views = (case.input("x", &x), case.input("gy", &gy));
    let expected = move || stem_backward_weight(shape.layer, shape.rows, &widen(&x), &widen(&gy));
    let elements = (9 * shape.rows.count() * inputs * outputs) as usize;
    let weight_gradient = case.output("weight gradient", elements, Bounds::float(1e-11, 1e-4), Box::new(expected));
    case.plan.push(shape.step("weight gradient", views.0, views.1, weight_gradient));
    case
}

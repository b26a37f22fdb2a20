//! Cases of the weight gradient of a depthwise convolution, at both strides, with both paddings, in one part and in several.

use lineament::ops::{DEPTHWISE_BACKWARD_WEIGHT, Depthwise, DepthwiseBackwardWeight};
use lineament::plan::Capabilities;
use lineament::profiles::DeviceProfile;

use super::{by_shape, depthwise_backward_input, layer_input::normalised, splits};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{depthwise_backward_weight::depthwise_backward_weight, widen};

pub fn cases(context: Context) -> Vec<Case> {
    let in_parts = |layer: Depthwise| {
        let rows = layer.batch * layer.out_size()[0];
        splits(rows).into_iter().map(move |rows| DepthwiseBackwardWeight { layer, rows })
    };
    let tests: Vec<DepthwiseBackwardWeight> = depthwise_backward_input::test_layers().into_iter().flat_map(in_parts).collect();
    let profile = DeviceProfile::new(Capabilities::webgpu(true, context.capabilities.subgroup_size));
    let chosen = |layer| DepthwiseBackwardWeight { layer, rows: DepthwiseBackwardWeight::parts(&profile, layer) };
    let layers = depthwise_backward_input::benchmark_layers();
    // Results of two rows, which the variants of one row compute.
    let low = [(2, 1), (4, 2)].map(|(size, stride)| Depthwise { size: [size, size], stride, ..layers[0] });
    let benchmarks: Vec<DepthwiseBackwardWeight> = layers.into_iter().chain(low).map(chosen).collect();
    by_shape(context, &tests, &benchmarks, case)
}

fn case(shape: DepthwiseBackwardWeight, purpose: Purpose) -> Case {
    let Depthwise { batch, size: [height, width], channels, padding, .. } = shape.layer;
    let name = format!("{batch}x{height}x{width}x{channels} {padding:?} by {}", shape.rows.rows_a_part);
    let mut case = Case::new(DEPTHWISE_BACKWARD_WEIGHT.name, shape.variant().name, name, purpose);
    let outputs = shape.layer.out_size().iter().product::<u32>() * batch * channels;
    let x = values(24, 2, (batch * height * width * channels) as usize);
    let gy = values(24, 3, outputs as usize);
    let views = (case.input("x", &x), case.input("gy", &gy));
    // In parts of three rows, the input is raw and is normalised while it is loaded.
    let (input, x) = normalised(&mut case, (views.0, &x), channels, shape.rows.rows_a_part == 3);
    let expected = move || depthwise_backward_weight(shape.layer, shape.rows, &x, &widen(&gy));
    let elements = (9 * shape.rows.count() * channels) as usize;
    let weight_gradient = case.output("weight gradient", elements, Bounds::float(1e-11, 1e-4), Box::new(expected));
    case.plan.push(shape.step("weight gradient", input, views.1, weight_gradient));
    case
}

//! Cases of the input gradient of the first layer, at both strides, with both paddings.

use lineament::ops::{STEM_BACKWARD_INPUT, Stem, StemBackwardInput};

use super::{by_shape, stem_backward_weight};
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{stem_backward_input::stem_backward_input, widen};

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, &stem_backward_weight::test_layers(), &stem_backward_weight::benchmark_layers(), case)
}

fn case(layer: Stem, purpose: Purpose) -> Case {
    let Stem { batch, size: [height, width], inputs, outputs, stride, padding, .. } = layer;
    let name = format!("{batch}x{height}x{width}x{inputs} to {outputs} stride {stride} {padding:?}");
    let mut case = Case::new(STEM_BACKWARD_INPUT.name, "default", name, purpose);
    let gy = values(25, 2, (layer.out_size().iter().product::<u32>() * batch * outputs) as usize);
    let w = values(25, 3, (9 * inputs * outputs) as usize);
    let views = (case.input("gy", &gy), case.input("w", &w));
    let expected = move || stem_backward_input(layer, &widen(&gy), &widen(&w));
    let elements = (batch * height * width * inputs) as usize;
    let dx = case.output("dx", elements, Bounds::float(1e-11, 1e-4), Box::new(expected));
    case.plan.push(StemBackwardInput { layer }.step("dx", views.0, views.1, dx));
    case
}

//! Gradient of the first layer by its input, at both strides, with both paddings.

use lineament::kernels::{STEM_DX, Stem, StemDx};

use super::{by_shape, stem_dw};
use crate::case::{Bounds, Case, Context, Purpose};
use crate::random::values;
use crate::reference::{stem_dx::stem_dx, widen};

pub fn cases(context: Context) -> Vec<Case> {
    by_shape(context, &stem_dw::test_layers(), &stem_dw::benchmark_layers(), case)
}

fn case(layer: Stem, purpose: Purpose) -> Case {
    let Stem { batch, size: [height, width], inputs, outputs, stride, padding, .. } = layer;
    let name = format!("{batch}x{height}x{width}x{inputs} to {outputs} stride {stride} {padding:?}");
    let mut case = Case::new(STEM_DX.name, "default", name, purpose);
    let gy = values(25, 2, (layer.out_size().iter().product::<u32>() * batch * outputs) as usize);
    let w = values(25, 3, (9 * inputs * outputs) as usize);
    let views = (case.input("gy", &gy), case.input("w", &w));
    let expected = move || stem_dx(layer, &widen(&gy), &widen(&w));
    let elements = (batch * height * width * inputs) as usize;
    let dx = case.output("dx", elements, Bounds::float(1e-11, 1e-4), Box::new(expected));
    case.plan.push(StemDx { layer }.step("dx", views.0, views.1, dx));
    case
}

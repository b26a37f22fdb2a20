//! Cases of the input gradients of activations. Some outputs of the activations are exactly where the gradient changes.

use lineament::ops::{ACTIVATION_BACKWARD, Activation, ActivationBackward, GradientBasis};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::{unit, values};
use lineament::ops::reference::{activation_backward::activation_backward, widen};

/// (rows, channels): one vector of four, primes, and a workgroup ± 1.
const TESTS: &[(u32, u32)] = &[(1, 4), (7, 36), (63, 4), (5, 52)];
const BENCHMARKS: &[(u32, u32)] = &[(64, 1536)];

pub fn cases(context: Context) -> Vec<Case> {
    let all = |activation| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, activation, purpose));
    Activation::ALL.iter().copied().flat_map(all).collect()
}

fn case((rows, channels): (u32, u32), activation: Activation, purpose: Purpose) -> Case {
    let mut case = Case::new(ACTIVATION_BACKWARD.name, "default", format!("{rows}x{channels} {activation:?}"), purpose);
    let elements = rows as usize * channels as usize;
    let gy = values(19, 0, elements);
    let basis = basis(activation, elements);
    let views = (case.input("gy", &gy), case.input("basis", &basis));
    let expected = move || activation_backward(activation, &widen(&gy), &widen(&basis));
    let dx = case.output("dx", elements, Bounds::float(1e-12, 1e-6), Box::new(expected));
    case.plan.push(ActivationBackward { rows, channels, activation }.step("activation", views.0, views.1, dx));
    case
}

/// Returns values of both signs for an activation whose derivative is computed from its input, and possible outputs for others.
fn basis(activation: Activation, elements: usize) -> Vec<f32> {
    let largest = if activation == Activation::Sigmoid { 1.0 } else { 6.0 };
    match activation.gradient_basis() {
        GradientBasis::Input => values(19, 1, elements).iter().map(|x| 10.0 * x).collect(),
        // A third of the outputs is 0 and a third is the largest possible output.
        _ => (0..elements as u64).map(|i| [0.0, largest, largest * unit(19, 1, i)][(i % 3) as usize]).collect(),
    }
}

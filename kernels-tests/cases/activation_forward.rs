//! Cases of activations, element by element. Some values are very large or very small.

use lineament::ops::{ACTIVATION_FORWARD, Activation, ActivationForward};

use super::by_shape;
use crate::harness::case::{Bounds, Case, Context, Purpose};
use lineament::ops::reference::random::values;
use lineament::ops::reference::{activation_forward::activation_forward, widen};

/// (rows, channels): one vector of four, primes, and a workgroup ± 1.
const TESTS: &[(u32, u32)] = &[(1, 4), (7, 36), (63, 4), (5, 52)];
const BENCHMARKS: &[(u32, u32)] = &[(64, 1536)];

pub fn cases(context: Context) -> Vec<Case> {
    let all = |activation| {
        let mut cases = by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, activation, purpose, false));
        // Beside such inputs, an error of the others would not show in the mean squared error.
        cases.push(case((1, 4), activation, Purpose::Test, true));
        cases
    };
    Activation::ALL.iter().copied().flat_map(all).collect()
}

fn case((rows, channels): (u32, u32), activation: Activation, purpose: Purpose, huge: bool) -> Case {
    let mut case = Case::new(
        ACTIVATION_FORWARD.name,
        "default",
        format!("{rows}x{channels} {activation:?}{}", if huge { " of huge inputs" } else { "" }),
        purpose,
    );
    let mut x: Vec<f32> = values(18, 0, rows as usize * channels as usize).iter().map(|x| 10.0 * x).collect();
    x[..2].copy_from_slice(&[0.0, 6.0]);
    if huge {
        x[2..4].copy_from_slice(&[3e38, -3e38]);
    }
    let view = case.input("x", &x);
    let elements = x.len();
    let expected = move || activation_forward(activation, &widen(&x));
    let y = case.output("y", elements, Bounds::float(1e-12, 1e-6), Box::new(expected));
    case.plan.push(ActivationForward { rows, channels, activation }.step("activation", view, y));
    case
}

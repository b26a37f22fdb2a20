//! Cases of the weight gradients of batch normalisation, alone and followed by ReLU6.

use std::rc::Rc;

use lineament::ops::{Activation, BATCH_NORM_BACKWARD_WEIGHT, BatchNormBackwardWeight};
use lineament::plan::RowParts;

use super::batch_norm::Backward;
use super::by_shape;
use super::column_sum::{BENCHMARKS, TESTS};
use crate::harness::case::{Bounds, Case, Context, Expected, Purpose};
use lineament::ops::reference::batch_norm_backward_weight::batch_norm_backward_weight;
use lineament::ops::reference::widen;

pub fn cases(context: Context) -> Vec<Case> {
    let after = |activation| by_shape(context, TESTS, BENCHMARKS, move |shape, purpose| case(shape, activation, purpose));
    [Activation::None, Activation::Relu6].into_iter().flat_map(after).collect()
}

fn case((rows, rows_a_part, channels): (u32, u32, u32), activation: Activation, purpose: Purpose) -> Case {
    let name = format!("{rows}x{channels} by {rows_a_part} {activation:?}");
    let mut case = Case::new(BATCH_NORM_BACKWARD_WEIGHT.name, "default", name, purpose);
    let given = Rc::new(Backward::draw(12, [rows, channels], activation));
    let [gy, x, statistics, affine] = given.inputs(&mut case);
    let shape = BatchNormBackwardWeight { rows: RowParts { rows, rows_a_part }, channels, epsilon: given.epsilon, activation };
    let c = channels as usize;
    let part = rows_a_part as usize * c;
    let expected = [0, 1].map(|which| -> Expected {
        let given = given.clone();
        Box::new(move || {
            let [mean, variance] = [0, 1].map(|i| widen(&given.statistics[i]));
            let (g, x) = (given.before_activation(activation), widen(&given.x));
            let parts = g.chunks(part).zip(x.chunks(part));
            let gradients = parts.map(|(g, x)| batch_norm_backward_weight(f64::from(shape.epsilon), g, x, [&mean, &variance]));
            gradients.flat_map(|gradients| gradients[which].clone()).collect()
        })
    });
    let parts = shape.rows.count() as usize;
    let gradients = case.output_pair(["dgamma", "dbeta"], [parts, c], Bounds::float(1e-11, 1e-4), expected);
    case.plan.push(shape.step("weight gradients", gy, x, statistics, affine, gradients));
    case
}

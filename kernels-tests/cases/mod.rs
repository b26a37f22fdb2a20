//! The shapes each kernel is tested and timed on, one file a kernel.

mod activation_backward;
mod activation_forward;
mod adadelta;
mod add;
mod batch_norm;
mod batch_norm_dw;
mod batch_norm_dx;
mod batch_norm_statistics;
mod binary_accuracy;
mod column_sum;
mod cosine_proximity;
mod dense_dw;
mod dropout;
mod dropout_mask;
mod loss_mean;
mod pointwise;
mod transpose;

use lineament::scheduler::{Dispatch, Plan};

use crate::case::{Case, Context, Purpose};

/// The cases of each kernel.
const KERNELS: &[fn(Context) -> Vec<Case>] = &[
    pointwise::cases,
    batch_norm_statistics::cases,
    batch_norm::cases,
    batch_norm_dw::cases,
    batch_norm_dx::cases,
    dropout_mask::cases,
    dropout::cases,
    transpose::cases,
    column_sum::cases,
    dense_dw::cases,
    activation_forward::cases,
    activation_backward::cases,
    add::cases,
    cosine_proximity::cases,
    loss_mean::cases,
    binary_accuracy::cases,
    adadelta::cases,
];

/// Every case of every kernel on an adapter; the tests a second time with folded grids.
pub fn all(context: Context) -> Vec<Case> {
    let folded = |cases: &fn(Context) -> Vec<Case>| cases(context).into_iter().filter_map(folded);
    KERNELS.iter().flat_map(|cases| cases(context).into_iter().chain(folded(cases))).collect()
}

/// A test whose lines of workgroups are folded over two dimensions, as they are past 65,535, and overshoot by one row.
fn folded(mut case: Case) -> Option<Case> {
    let line = |step: &lineament::scheduler::Step| step.dispatch.0[0] > 1 && step.dispatch.0[1] == 1;
    if case.purpose != Purpose::Test || !case.plan.steps().iter().any(line) {
        return None;
    }
    case.name += ", folded";
    let mut plan = Plan::new(&format!("{}, folded", case.plan.label));
    for tensor in case.plan.tensors() {
        // The views of a case number its tensors in order, so copies in the same order fit them.
        match tensor.residence {
            lineament::scheduler::Residence::Persistent => plan.persistent(&tensor.label, tensor.bytes),
            lineament::scheduler::Residence::Transient => plan.transient(&tensor.label, tensor.bytes),
        };
    }
    for step in case.plan.steps() {
        let mut step = step.clone();
        if line(&step) {
            step.dispatch = Dispatch([step.dispatch.0[0].div_ceil(2), 3, 1]);
        }
        plan.push(step);
    }
    case.plan = plan;
    Some(case)
}

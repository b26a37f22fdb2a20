//! The shapes that each kernel is tested and timed on, one file for each kernel.

mod accumulate;
mod activation_backward;
mod activation_forward;
mod adadelta;
mod adam;
mod add;
mod align;
mod augment;
mod batch_norm;
mod batch_norm_backward_input;
mod batch_norm_backward_weight;
mod batch_norm_combine;
mod batch_norm_statistics;
mod binary_accuracy;
mod column_sum;
mod cosine_proximity;
mod dense_backward_weight;
mod depthwise;
mod depthwise_backward_input;
mod depthwise_backward_weight;
mod distance_rows;
mod dropout;
mod dropout_mask;
mod elementwise_loss;
mod expand_depthwise;
pub mod fused_multiply_add;
mod global_average_pool;
mod global_average_pool_backward_input;
mod inverted_residual;
mod kmeans_accumulate;
mod kmeans_accumulate_bits;
mod kmeans_assign;
mod kmeans_assign_accumulate;
mod kmeans_candidates;
mod kmeans_move;
mod kmeans_potential;
mod kmeans_reduce;
mod layer_input;
mod loss_mean;
mod max_pool;
mod neighbours;
mod optimizer;
mod pairwise;
mod pointwise;
mod resize_area;
mod resize_normalise;
mod rounded;
mod sgd;
mod silhouette;
mod stem;
mod stem_backward_input;
mod stem_backward_weight;
pub mod stream;
mod sum_of_parts;
mod transpose;
mod upsample_add;

use lineament::plan::RowParts;

use crate::harness::case::{Case, Context, Purpose};

/// Functions that return the cases of each kernel.
pub const ALL: &[fn(Context) -> Vec<Case>] = &[
    resize_normalise::cases,
    resize_area::cases,
    align::cases,
    augment::cases,
    stem::cases,
    depthwise::cases,
    expand_depthwise::cases,
    inverted_residual::cases,
    pointwise::cases,
    global_average_pool::cases,
    max_pool::cases,
    upsample_add::cases,
    stem_backward_weight::cases,
    stem_backward_input::cases,
    depthwise_backward_weight::cases,
    depthwise_backward_input::cases,
    global_average_pool_backward_input::cases,
    kmeans_potential::cases,
    kmeans_candidates::cases,
    kmeans_assign::cases,
    kmeans_assign_accumulate::cases,
    kmeans_accumulate::cases,
    kmeans_accumulate_bits::cases,
    kmeans_reduce::cases,
    kmeans_move::cases,
    silhouette::cases,
    pairwise::cases,
    neighbours::cases,
    fused_multiply_add::cases,
    stream::cases,
    batch_norm_statistics::cases,
    batch_norm_combine::cases,
    batch_norm::cases,
    batch_norm_backward_weight::cases,
    batch_norm_backward_input::cases,
    dropout_mask::cases,
    dropout::cases,
    transpose::cases,
    column_sum::cases,
    sum_of_parts::cases,
    dense_backward_weight::cases,
    activation_forward::cases,
    activation_backward::cases,
    add::cases,
    cosine_proximity::cases,
    elementwise_loss::cases,
    loss_mean::cases,
    binary_accuracy::cases,
    accumulate::cases,
    adadelta::cases,
    adam::cases,
    sgd::cases,
    optimizer::table_cases,
];

/// Returns one case for each benchmark or each test, as the context asks. After all tests follow those with a grid that can be
/// folded, with a folded grid.
fn by_shape<S: Copy>(context: Context, tests: &[S], benchmarks: &[S], case: impl Fn(S, Purpose) -> Case) -> Vec<Case> {
    if context.purpose == Purpose::Benchmark {
        return benchmarks.iter().map(|shape| case(*shape, Purpose::Benchmark)).collect();
    }
    let tests = || tests.iter().map(|shape| case(*shape, Purpose::Test));
    tests().chain(tests().filter_map(Case::folded)).collect()
}

/// Returns `rows` in a single part and in parts of three rows.
fn splits(rows: u32) -> Vec<RowParts> {
    let mut splits = vec![RowParts::whole(rows), RowParts { rows, rows_a_part: 3 }];
    splits.dedup();
    splits
}

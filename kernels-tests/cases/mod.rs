//! The shapes each kernel is tested and timed on, one file a kernel.

mod depthwise;
pub mod fused_multiply_add;
mod global_average_pool;
mod kmeans_accumulate;
mod kmeans_assign;
mod kmeans_candidates;
mod kmeans_move;
mod kmeans_potential;
mod kmeans_reduce;
mod pointwise;
mod resize_normalise;
mod silhouette;
mod stem;
pub mod stream;

use crate::case::{Case, Context};

/// The cases of every kernel on an adapter.
pub const ALL: &[fn(Context) -> Vec<Case>] = &[
    resize_normalise::cases,
    stem::cases,
    depthwise::cases,
    pointwise::cases,
    global_average_pool::cases,
    kmeans_potential::cases,
    kmeans_candidates::cases,
    kmeans_assign::cases,
    kmeans_accumulate::cases,
    kmeans_reduce::cases,
    kmeans_move::cases,
    silhouette::cases,
    fused_multiply_add::cases,
    stream::cases,
];

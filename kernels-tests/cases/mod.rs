//! The shapes each kernel is tested and timed on, one file a kernel.

mod depthwise;
pub mod fused_multiply_add;
mod global_average_pool;
mod pointwise;
mod resize_normalise;
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
    fused_multiply_add::cases,
    stream::cases,
];
